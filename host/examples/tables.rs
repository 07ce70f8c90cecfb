//! Measures look-up tables, routes and subscribers of a million rows, and what a reload costs meanwhile: `cargo run --release --example tables [ROWS]`.
//!
//! Rows look like a table of ported numbers, in random order. Look-ups go to random rows, so that the cache helps only
//! where it would in traffic.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mm4relay::message::{MmsAddress, PeerName};
use mm4relay::routing::{AllReachable, NamedTable, PeerEntry, Plan, Role, Route, Routing, ServerEntry};
use mm4relay::tables::Table;

const LOOK_UPS: usize = 1_000_000;
const BATCH: usize = 200;

fn main() -> anyhow::Result<()> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let mut random = fastrand::Rng::with_seed(1);
    // Ten digits behind +999, spread evenly, no two the same.
    let mut numbers: Vec<String> = (0..rows)
        .map(|n| format!("+999{:010}", n * 9_973 % 10_000_000_000))
        .collect();
    random.shuffle(&mut numbers);

    let file = tempfile::NamedTempFile::new()?;
    let mut text = String::new();
    for number in &numbers {
        writeln!(text, "{number},mms.mnc{:03}.mcc999.gprs", random.u16(0..20))?;
    }
    std::fs::write(file.path(), &text)?;
    println!("file            {rows} rows, {:.1} MB", text.len() as f64 / 1e6);
    drop(text);

    let before = resident()?;
    let start = Instant::now();
    let table = Table::load("ported", file.path())?;
    println!("load            {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let (now, peak) = resident()?;
    println!("memory          {:.1} MB by its own count", table.memory() as f64 / 1e6);
    println!(
        "resident        {:.1} MB more than before, {:.1} MB at the peak",
        now - before.0,
        peak - before.0
    );

    let sought: Vec<String> = (0..LOOK_UPS).map(|_| numbers[random.usize(0..rows)].clone()).collect();
    measure("lookup", &sought, |number| table.lookup(number).is_some());
    let longer: Vec<String> = sought.iter().map(|number| format!("{number}42")).collect();
    measure("lookup_prefix", &longer, |number| table.lookup_prefix(number).is_some());
    let absent: Vec<String> = sought.iter().map(|number| format!("{}x", &number[..10])).collect();
    measure("absent", &absent, |number| table.lookup_prefix(number).is_none());

    let peer = Route::Peer(PeerName::new("operator-b")?);
    let start = Instant::now();
    let routing = Routing::new(Plan::simple(
        [],
        Vec::new(),
        numbers.iter().map(|number| (number[..13].to_owned(), peer.clone())),
    ))?;
    println!("routing         built in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let addresses: Vec<_> = longer
        .iter()
        .map(|number| MmsAddress::new(number))
        .collect::<Result<_, _>>()?;
    measure("route", &addresses, |address| {
        routing.route(address, &AllReachable).is_ok()
    });
    drop((routing, table, addresses, longer, absent));
    subscribers(&numbers, &sought, &mut random)
}

/// An MMSE with five Relay/Servers and a row for every subscriber.
fn subscribers(numbers: &[String], sought: &[String], random: &mut fastrand::Rng) -> anyhow::Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let mut text = String::new();
    for number in numbers {
        writeln!(text, "{number},mmsc-{}", random.u16(1..=5))?;
    }
    std::fs::write(file.path(), &text)?;
    drop(text);
    let start = Instant::now();
    let (routing, memory) = mmse(file.path())?;
    let routing = Arc::new(routing);
    println!(
        "subscribers     read, checked and built in {:.0} ms, {:.1} MB by its own count",
        start.elapsed().as_secs_f64() * 1e3,
        memory as f64 / 1e6
    );
    let addresses: Vec<_> = sought
        .iter()
        .map(|number| MmsAddress::new(&format!("{number}/TYPE=PLMN@mms.own.example")))
        .collect::<Result<_, _>>()?;
    let outside = PeerName::new("operator-b")?;
    measure("admit", &addresses, |address| {
        routing.admit(&outside, address, &AllReachable).is_ok()
    });
    // By the number alone: our own domain would settle it at once.
    let claims: Vec<_> = sought
        .iter()
        .map(|number| MmsAddress::new(&format!("{number}/TYPE=PLMN@mms.b.example")))
        .collect::<Result<_, _>>()?;
    measure("may_originate", &claims, |address| {
        routing.may_originate(&outside, address).is_err()
    });
    reload(routing, file.path(), &outside, &addresses)
}

/// Looks up without a break while the table is read again and replaced, as the relay does it, and shows the longest time
/// that a thousand look-ups took, with and without. On a busy machine both show the scheduler, and nothing else.
fn reload(routing: Arc<Routing>, file: &Path, source: &PeerName, addresses: &[MmsAddress]) -> anyhow::Result<()> {
    let current = ArcSwap::new(routing);
    let done = AtomicBool::new(false);
    let longest = |until: &dyn Fn() -> bool| {
        let mut all = Vec::new();
        for batch in addresses.chunks_exact(1_000).cycle() {
            let start = Instant::now();
            for address in batch {
                let _ = black_box(current.load().admit(source, address, &AllReachable));
            }
            all.push(start.elapsed().as_secs_f64() * 1e3);
            if until() {
                break;
            }
        }
        all.sort_by(f64::total_cmp);
        let (median, last) = (all[all.len() / 2], all[all.len() - 1]);
        format!("{median:.2} ms median, {last:.2} ms longest of {}", all.len())
    };
    let quiet = Instant::now();
    println!("1,000 admitted  {}", longest(&|| quiet.elapsed().as_secs() >= 3));
    std::thread::scope(|scope| {
        let reloading = scope.spawn(|| {
            for _ in 0..3 {
                let old = current.swap(Arc::new(mmse(file)?.0));
                while Arc::strong_count(&old) > 1 {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            done.store(true, Ordering::Relaxed);
            anyhow::Ok(())
        });
        println!("and 3 reloads   {}", longest(&|| done.load(Ordering::Relaxed)));
        reloading.join().map_err(|_| anyhow::anyhow!("the reload panicked"))?
    })
}

/// The routes, and the octets that the table takes.
fn mmse(subscribers: &Path) -> anyhow::Result<(Routing, usize)> {
    let table = Arc::new(Table::load("subscribers", subscribers)?);
    let memory = table.memory();
    let names = (1..=5).map(|number| PeerName::new(&format!("mmsc-{number}")));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let peer = |name: &PeerName, domain: &str, role| PeerEntry {
        proves_itself: false,
        name: name.clone(),
        domains: vec![domain.to_owned()],
        from: Vec::new(),
        role,
        single_recipients: false,
    };
    let mut peers: Vec<_> = names
        .iter()
        .map(|name| peer(name, "mms.own.example", Role::Inside))
        .collect();
    peers.push(peer(&PeerName::new("operator-b")?, "mms.b.example", Role::Outside));
    let servers = names.into_iter().map(|name| ServerEntry {
        name,
        numbers: vec!["+999".to_owned()],
        weight: 1,
        failover: None,
        drain: false,
    });
    let routing = Routing::new(Plan {
        servers: servers.collect(),
        subscribers: Some(NamedTable {
            name: "subscribers".to_owned(),
            table,
        }),
        ..Plan::simple(["mms.own.example".to_owned()], peers, [])
    })?;
    anyhow::ensure!(routing.bad_values(|_| true).is_empty(), "the table names nobody else");
    Ok((routing, memory))
}

/// The median over short batches: what else the machine does spoils some of them, and not the figure.
fn measure<T>(name: &str, sought: &[T], look_up: impl Fn(&T) -> bool) {
    let mut good = 0;
    let mut times: Vec<f64> = Vec::with_capacity(sought.len() / BATCH);
    for batch in sought.chunks_exact(BATCH) {
        let start = Instant::now();
        good += batch.iter().filter(|key| black_box(look_up(black_box(key)))).count();
        times.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    let (low, median, high) = (at(0.05), at(0.5), at(0.95));
    println!("{name:<15} {median:.0} ns median, {low:.0} to {high:.0} ns in 9 of 10 batches, {good} as expected");
}

/// Resident memory of this process now and at its peak, in MB.
fn resident() -> anyhow::Result<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> anyhow::Result<f64> {
        let line = status.lines().find(|line| line.starts_with(name));
        let kibibytes: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .unwrap_or("0")
            .parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}
