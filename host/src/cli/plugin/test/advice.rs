//! What a failure of a script means. The languages say it to those who know what they run on here; this says it to the others.

/// Names of browsers and of Node.js, and what stands in their place here.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &["console"],
        "write into the relay's log, by `write` of \"mm4:filter/log@0.1.0\"",
    ),
    (
        &["fetch", "XMLHttpRequest", "WebSocket"],
        "ask a service by `fetch` of \"mm4:filter/http@0.1.0\"",
    ),
    (
        &["TextDecoder", "TextEncoder", "Buffer", "atob", "btoa"],
        "`utf8` in the plugin.js that `plugin new` writes makes a text of octets",
    ),
    (&["crypto"], "random numbers are in \"mm4:filter/random@0.1.0\""),
    (
        &["setTimeout", "setInterval", "queueMicrotask"],
        "a call begins, answers and is over: nothing of it happens later",
    ),
    (
        &["process", "require", "global", "window", "document", "URL"],
        "import what is needed from \"mm4:filter/...\" or from a file of the plug-in's own",
    ),
];

/// JavaScript's own stack, a line each, out of what its runtime prints of it. Python's stands in the log as it is.
pub fn stack(failure: &str) -> Vec<String> {
    let exception = failure.split_once("Exception { message: Some(\"").map(|(_, rest)| rest);
    let Some((message, rest)) = exception.and_then(|rest| rest.split_once("\"), stack: Some(\"")) else {
        return Vec::new();
    };
    let stack = rest.split_once("\") }").map_or(rest, |(stack, _)| stack);
    let plain = |text: &str| text.replace("\\\"", "\"").replace("\\'", "'");
    let lines = stack.split("\\n").filter(|line| !line.trim().is_empty());
    std::iter::once(plain(message)).chain(lines.map(plain)).collect()
}

/// What to do about it, where that is not plain from what it says.
pub fn hint(failure: &str) -> Option<String> {
    not_defined(failure)
        .or_else(|| wrong_shape_in_javascript(failure))
        .or_else(|| wrong_shape_in_python(failure))
}

fn not_defined(failure: &str) -> Option<String> {
    let (before, _) = failure.split_once(" is not defined\"")?;
    let name = before.rsplit('"').next()?;
    let (_, instead) = ELSEWHERE.iter().find(|(names, _)| names.contains(&name))?;
    Some(format!(
        "{name} belongs to browsers and to Node.js, and a plug-in has the language alone: {instead}"
    ))
}

/// `expected string: FromJs { from: "undefined", to: "string", message: None }`
fn wrong_shape_in_javascript(failure: &str) -> Option<String> {
    let (_, rest) = failure.split_once("FromJs { from: \"")?;
    let (from, rest) = rest.split_once("\", to: \"")?;
    let (to, _) = rest.split_once('"')?;
    Some(format!(
        "what it returned, or gave to a function of the relay, is not as mm4-filter.d.ts says: {from} stands where a value of the \
         type {to} is expected. An editor marks the place; so does `npx -p typescript tsc -p jsconfig.json`, or `npm run build` in \
         TypeScript"
    ))
}

/// `PyErr { type: <class 'TypeError'>, value: TypeError("'int' object is not an instance of 'str'"), traceback: None }`
fn wrong_shape_in_python(failure: &str) -> Option<String> {
    let (_, rest) = failure.split_once("PyErr { type: <class 'TypeError'>, value: TypeError(\"")?;
    let (said, _) = rest.split_once("\")")?;
    Some(format!(
        "what it returned, or gave to a function of the relay, is not as the modules in bindings/ say: {said}. An editor marks the \
         place; so does `pyright`, or `mypy`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_prints_of_an_exception_is_shown_as_the_language_would() {
        let failure = "trap: it printed: Exception { message: Some(\"the \\\"moon\\\" is full\"), stack: Some(\"    at a (/plugin.js:1:2)\
                       \\n    at process (/plugin.js:3:4)\\n\") })\\n)";
        assert_eq!(
            stack(failure),
            [
                "the \"moon\" is full",
                "    at a (/plugin.js:1:2)",
                "    at process (/plugin.js:3:4)"
            ]
        );
        assert!(stack("trap: out of bounds").is_empty());
    }

    #[test]
    fn names_and_shapes_that_are_none_here_are_explained_and_others_are_not() {
        let of = |name: &str| {
            hint(&format!(
                "Exception {{ message: Some(\"{name} is not defined\"), stack: None }}"
            ))
        };
        assert!(of("console").unwrap().contains("mm4:filter/log"));
        assert_eq!(of("consol"), None, "a slip explains itself");
        let shape = hint("expected string: FromJs { from: \"undefined\", to: \"string\", message: None }").unwrap();
        assert!(
            shape.contains("undefined stands where a value of the type string"),
            "{shape}"
        );
        let shape = "value: PyErr { type: <class 'TypeError'>, value: TypeError(\"'int' object is not an instance of 'str'\"), traceback";
        assert!(
            hint(shape)
                .unwrap()
                .contains("'int' object is not an instance of 'str'")
        );
        assert_eq!(hint("trap: unreachable"), None);
    }
}
