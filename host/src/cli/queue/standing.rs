//! What the running relay knows and the spool does not: attempts that are under way, and peers that are down.

use std::path::Path;

use serde_json::Value;

use crate::relay::standing;

/// What the relay that runs on a spool says of its peers. Nothing when none runs.
pub struct PeersNow(Vec<Value>);

impl PeersNow {
    pub fn read(folder: &Path) -> Self {
        let now = standing::read(folder).unwrap_or_default();
        Self(list(&now["peers"]).to_vec())
    }

    /// Behind the list: what is being sent at this moment, and why other messages wait.
    pub(super) fn print(&self, peer: Option<&str>) {
        for of in self.0.iter().filter(|of| peer.is_none_or(|peer| of["peer"] == peer)) {
            lines(of).iter().for_each(|line| println!("{line}"));
        }
    }

    /// Why a message waits whose time has come: its peer is down, and messages for it are not tried one by one.
    pub(super) fn why_it_waits(&self, peer: &str) -> Option<String> {
        let of = self.0.iter().find(|of| of["peer"] == peer)?;
        let down = of["down"].as_object()?;
        Some(format!(
            "its peer is down since {}; {}: {}",
            text(&down["since"]),
            again(down["again"].as_str()),
            text(&down["said"])
        ))
    }
}

/// When a peer that is down is tried again.
fn again(at: Option<&str>) -> String {
    at.map_or_else(
        || "a message tries it now".to_owned(),
        |at| format!("tried again at {at}"),
    )
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
        let again = again(down["again"].as_str());
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
    fn what_waits_behind_a_peer_that_is_down_says_so_with_both_times() {
        let down = json!({"since": "2026-11-26T12:00:00Z", "said": "554 no", "again": "2026-11-26T12:10:00Z"});
        let standing = PeersNow(vec![
            json!({"peer": "b", "down": down}),
            json!({"peer": "c", "down": null}),
        ]);
        assert_eq!(
            standing.why_it_waits("b").as_deref(),
            Some("its peer is down since 2026-11-26T12:00:00Z; tried again at 2026-11-26T12:10:00Z: 554 no")
        );
        assert_eq!((standing.why_it_waits("c"), standing.why_it_waits("d")), (None, None));
    }

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
