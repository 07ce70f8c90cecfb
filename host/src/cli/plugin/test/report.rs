//! The results of a run of sample cases: for people, as JSON, and in the format of JUnit for build servers.

use std::fmt::Write;
use std::time::Duration;

use crate::cli::plugin::cost::Shares;

/// The results of all cases.
#[derive(Default)]
pub struct Report {
    pub cases: Vec<Result>,
}

/// The result of one case.
pub struct Result {
    pub name: String,
    pub verdict: Verdict,
    pub took: Duration,
    /// The rules of the settings, as the plug-in names them.
    pub rules: Vec<String>,
    /// The rules that took part in the result.
    pub used: Vec<String>,
    /// Lines that the plug-in logged and printed.
    pub log: Vec<String>,
    /// Of a failure: the stack as the language shows it, and what to do about it.
    pub advice: Vec<String>,
    /// The cost of its calls; `None` when it could not be run.
    pub cost: Option<Shares>,
}

/// The comparison of the result with the expected one.
pub enum Verdict {
    Same,
    Blessed,
    /// The lines: `-` expected, `+` actual.
    Differs(String),
    /// The plug-in failed in a way that cannot be accepted.
    NotBlessed(String),
    /// The case cannot be run.
    Broken(String),
}

impl Verdict {
    pub fn differs(&self) -> bool {
        matches!(self, Self::Differs(_) | Self::NotBlessed(_))
    }

    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Same => "ok",
            Self::Blessed => "blessed",
            Self::Differs(_) => "differs",
            Self::NotBlessed(_) => "failed",
            Self::Broken(_) => "broken",
        }
    }

    /// The text beside the word.
    fn detail(&self) -> &str {
        match self {
            Self::Same | Self::Blessed => "",
            Self::Differs(text) | Self::NotBlessed(text) | Self::Broken(text) => text,
        }
    }
}

impl Result {
    /// The report for people. With `costs`, the cost is always shown, and not only near a limit.
    pub fn text(&self, costs: bool) -> String {
        let mut text = format!("{:<8} {}", self.verdict.word(), self.name);
        match &self.verdict {
            Verdict::Differs(lines) => {
                let _ = write!(
                    text,
                    "  (- expected, + what it does now)\n{}",
                    lines.trim_end_matches('\n')
                );
            }
            Verdict::NotBlessed(reason) => {
                let _ = write!(text, "  not blessed: {reason}");
            }
            Verdict::Broken(reason) => {
                let _ = write!(text, "  {reason}");
            }
            Verdict::Same | Verdict::Blessed => {}
        }
        text.push('\n');
        for line in &self.log {
            let _ = writeln!(text, "         log {line}");
        }
        for line in &self.advice {
            let _ = writeln!(text, "         {line}");
        }
        if let Some(cost) = self.cost.as_ref().filter(|cost| costs || cost.is_near_a_limit()) {
            let _ = writeln!(text, "         cost {cost}");
        }
        text
    }

    /// One object.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "case": self.name,
            "result": self.verdict.word(),
            "detail": self.verdict.detail(),
            "rules": self.used,
            "log": self.log,
            "advice": self.advice,
            "cost": self.cost.as_ref().map(Shares::json),
        })
    }
}

impl Report {
    pub fn count(&self, of: fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| of(&case.verdict)).count()
    }

    /// A line for each rule of all cases' settings, with the cases that it took part in. Empty for a plug-in without
    /// rules.
    pub fn rules(&self) -> String {
        let mut names: Vec<&String> = Vec::new();
        for rule in self.cases.iter().flat_map(|case| case.rules.iter().chain(&case.used)) {
            if !names.contains(&rule) {
                names.push(rule);
            }
        }
        let line = |rule: &&String| {
            let cases = self.cases.iter().filter(|case| case.used.contains(rule));
            let cases: Vec<&str> = cases.map(|case| case.name.as_str()).collect();
            match cases.is_empty() {
                true => format!("rule {rule}: touched by no case\n"),
                false => format!("rule {rule}: {}\n", cases.join(", ")),
            }
        };
        names.iter().map(line).collect()
    }

    /// One suite, by the name of the plug-in's folder.
    pub fn junit(&self, name: &str) -> String {
        let (failures, errors) = (self.count(Verdict::differs), self.count(Verdict::is_broken));
        let tests = self.cases.len();
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        let name = escaped(name);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
        );
        for case in &self.cases {
            let (case_name, took) = (escaped(&case.name), case.took.as_secs_f64());
            let _ = write!(
                text,
                "    <testcase classname=\"{name}\" name=\"{case_name}\" time=\"{took:.3}\""
            );
            let element = match case.verdict {
                Verdict::Differs(_) | Verdict::NotBlessed(_) => "failure",
                Verdict::Broken(_) => "error",
                Verdict::Same | Verdict::Blessed => {
                    text.push_str("/>\n");
                    continue;
                }
            };
            let (word, detail) = (case.verdict.word(), escaped(case.verdict.detail()));
            let _ = writeln!(text, "><{element} message=\"{word}\">{detail}</{element}></testcase>");
        }
        text + "  </testsuite>\n</testsuites>\n"
    }
}

/// Text as XML 1.0 can hold it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_has_a_case_for_each_and_no_octet_that_xml_forbids() {
        let case = |name: &str, verdict| Result {
            name: name.into(),
            verdict,
            took: Duration::from_millis(1),
            rules: Vec::new(),
            used: Vec::new(),
            log: Vec::new(),
            advice: Vec::new(),
            cost: None,
        };
        let report = Report {
            cases: vec![
                case("a", Verdict::Same),
                case("b", Verdict::Differs("  - <x>\u{1}\n".into())),
                case("c", Verdict::Broken("no \"To\"".into())),
            ],
        };
        let text = report.junit("p&q");
        assert!(
            text.contains("name=\"p&amp;q\" tests=\"3\" failures=\"1\" errors=\"1\""),
            "{text}"
        );
        assert!(
            text.contains("<failure message=\"differs\">  - &lt;x&gt;\u{fffd}\n</failure>"),
            "{text}"
        );
        assert!(
            text.contains("<error message=\"broken\">no &quot;To&quot;</error>"),
            "{text}"
        );
    }
}
