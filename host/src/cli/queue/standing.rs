//! What the running relay knows and the spool does not: attempts that are under way, and peers that are down.

use std::path::Path;

use serde_json::Value;

use crate::relay::standing;

/// Behind the list: what is being sent at this moment, and why other messages wait. Nothing when no relay runs.
pub(super) fn print(folder: &Path, peer: Option<&str>) {
    let Some(now) = standing::read(folder) else { return };
    for of in list(&now["peers"]) {
        if peer.is_none_or(|peer| of["peer"] == peer) {
            lines(of).iter().for_each(|line| println!("{line}"));
        }
    }
}

fn lines(of: &Value) -> Vec<String> {
    let peer = text(&of["peer"]);
    let mut lines = Vec::new();
    for running in list(&of["running"]) {
        let host = running["host"].as_str().unwrap_or("-");
        lines.push(format!(
            "{}  {peer}  being sent since {}\n    {host}: waits for {} since {}",
            text(&running["id"]),
            text(&running["since"]),
            text(&running["waits-for"]),
            text(&running["waits-since"]),
        ));
    }
    if let Some(down) = of["down"].as_object() {
        let again = down["again"].as_str();
        let again = again.map_or_else(
            || "a message tries it now".to_owned(),
            |at| format!("tried again at {at}"),
        );
        lines.push(format!("peer {peer} is down since {}; {again}", text(&down["since"])));
        lines.push(format!("    {}", text(&down["said"])));
    }
    for host in list(&of["hosts-down"]) {
        let (name, since, said) = (text(&host["host"]), text(&host["since"]), text(&host["said"]));
        lines.push(format!("host {name} of {peer} is down since {since}\n    {said}"));
    }
    lines
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_peer_that_is_down_and_an_attempt_under_way_are_shown_with_their_times_and_hosts() {
        let time = "2026-11-26T12:00:00Z";
        let shown = lines(&json!({
            "peer": "b",
            "down": {"since": time, "said": "mx.b.example:25: 554 no (greeting)", "again": null},
            "hosts-down": [{"host": "mx.b.example:25", "since": time, "said": "554 no (greeting)"}],
            "running": [{"id": "001-1", "since": time, "host": "mx.b.example:25", "waits-for": "answer to MAIL",
                "waits-since": time}],
        }));
        assert_eq!(
            shown,
            [
                "001-1  b  being sent since 2026-11-26T12:00:00Z\n    mx.b.example:25: waits for answer to MAIL since \
                 2026-11-26T12:00:00Z",
                "peer b is down since 2026-11-26T12:00:00Z; a message tries it now",
                "    mx.b.example:25: 554 no (greeting)",
                "host mx.b.example:25 of b is down since 2026-11-26T12:00:00Z\n    554 no (greeting)",
            ]
        );
    }
}
