//! Components that are made to be expensive, from one that is not.

/// A number in LEB128.
fn leb(mut number: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        octets.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return octets;
        }
    }
}

fn read_leb(octets: &[u8], at: &mut usize) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let octet = octets[*at];
        *at += 1;
        number |= usize::from(octet & 0x7f) << shift;
        shift += 7;
        if octet & 0x80 == 0 {
            return number;
        }
    }
}

/// The sections of a component or a core module: id and content.
fn sections(wasm: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut found) = (8, Vec::new());
    while at < wasm.len() {
        let id = wasm[at];
        at += 1;
        let size = read_leb(wasm, &mut at);
        found.push((id, wasm[at..at + size].to_vec()));
        at += size;
    }
    found
}

fn joined(head: &[u8], sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut wasm = head[..8].to_vec();
    for (id, content) in sections {
        wasm.push(*id);
        wasm.extend(leb(content.len()));
        wasm.extend(content);
    }
    wasm
}

/// A vector of a section with `count` entries more.
fn with_more(content: &[u8], count: usize, entry: &[u8]) -> Vec<u8> {
    let mut at = 0;
    let before = read_leb(content, &mut at);
    [&leb(before + count), &content[at..], &entry.repeat(count)].concat()
}

/// The component with so many functions more, which nobody calls: each with so many local variables and branches, and all
/// of them valid.
pub fn fattened(component: &[u8], functions: usize, locals: usize, branches: usize) -> Vec<u8> {
    let mut code = [&[1], leb(locals).as_slice(), &[0x7f]].concat();
    for branch in 0..branches {
        // Behind the parameters, whatever type the function is given.
        let local = |number: usize| leb(16 + number % (locals - 16));
        let (one, other) = (local(branch), local(branch * 7 + 1));
        // block; leave it if one; other += one; end
        code.extend(
            [
                &[0x02, 0x40, 0x20],
                one.as_slice(),
                &[0x0d, 0, 0x20],
                &one,
                &[0x20],
                &other,
            ]
            .concat(),
        );
        code.extend([&[0x6a, 0x21], other.as_slice(), &[0x0b]].concat());
    }
    // What comes behind `unreachable` fits any type.
    code.extend([0x00, 0x0b]);
    let entry = [leb(code.len()), code].concat();
    let mut parts = sections(component);
    let main = parts
        .iter_mut()
        .filter(|(id, _)| *id == 1)
        .max_by_key(|(_, content)| content.len());
    let (_, module) = main.expect("a core module");
    let mut inner = sections(module);
    for (id, content) in &mut inner {
        match id {
            3 => *content = with_more(content, functions, &[0]),
            10 => *content = with_more(content, functions, &entry),
            _ => {}
        }
    }
    *module = joined(module, &inner);
    joined(component, &parts)
}
