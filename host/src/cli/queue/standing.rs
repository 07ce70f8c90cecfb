//! What only the running relay knows: attempts under way, and peers that are down or paused.

use crate::control::peers::Peer;

/// Prints, after the list, what is being sent at this moment, and why other messages wait.
pub(super) fn print(peers: &[Peer], only: Option<&str>) {
    for peer in peers.iter().filter(|peer| only.is_none_or(|only| peer.name == only)) {
        lines(peer).iter().for_each(|line| println!("{line}"));
    }
}

/// The lines about a peer; empty when there is nothing to report.
pub fn lines(peer: &Peer) -> Vec<String> {
    let name = &peer.name;
    let mut lines = Vec::new();
    for sending in &peer.sending {
        let host = sending.host.as_deref().unwrap_or("-");
        lines.push(format!(
            "{}  {name}  being sent since {}\n    {host}: waits for {} since {}",
            sending.id, sending.since, sending.waits_for, sending.waits_since,
        ));
    }
    if let Some(pause) = &peer.paused {
        let until = pause
            .until
            .map_or_else(|| "somebody resumes it".to_owned(), |until| until.to_string());
        let is = match (pause.drain, peer.under_way) {
            (false, _) => "paused",
            (true, 0) => "drained",
            (true, _) => "being drained",
        };
        lines.push(format!("peer {name} is {is} since {} until {until}", pause.since));
        lines.push(format!("    by {}: {}", pause.by, pause.reason));
    }
    if let Some(limit) = &peer.limited {
        let until = limit
            .until
            .map_or_else(|| "somebody lifts it".to_owned(), |until| until.to_string());
        let (rate, since) = (&limit.rate, limit.since);
        lines.push(format!(
            "peer {name} is sent no more than {rate} since {since} until {until}"
        ));
        lines.push(format!("    by {}: {}", limit.by, limit.reason));
    }
    if let Some(down) = &peer.down {
        let again = down.again.map_or_else(
            || "a message tries it now".to_owned(),
            |at| format!("tried again at {at}"),
        );
        lines.push(format!("peer {name} is down since {}; {again}", down.since));
        lines.push(format!("    {}", down.said));
    }
    for host in &peer.hosts_down {
        lines.push(format!(
            "host {} of {name} is down since {}\n    {}",
            host.host, host.since, host.said
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::control::When;
    use crate::control::peers::{Down, HostDown, Pause, Sending};

    use super::*;

    #[test]
    fn a_peer_that_is_down_or_paused_and_an_attempt_under_way_are_shown_with_their_times_and_hosts() {
        let since: When = "2026-11-26T12:00:00Z".parse().unwrap();
        let (host, said) = ("mx.b.example:25".to_owned(), "554 no (greeting)".to_owned());
        let shown = lines(&Peer {
            name: "b".into(),
            down: Some(Down {
                since,
                said: format!("{host}: {said}"),
                again: None,
            }),
            paused: Some(Pause {
                since,
                until: None,
                reason: "they move house".into(),
                by: "ada".into(),
                drain: false,
            }),
            sending: vec![Sending {
                id: "001-1".into(),
                since,
                host: Some(host.clone()),
                waits_for: "answer to MAIL".into(),
                waits_since: since,
            }],
            hosts_down: vec![HostDown { host, since, said }],
            ..Peer::default()
        });
        assert_eq!(
            shown,
            [
                "001-1  b  being sent since 2026-11-26T12:00:00Z\n    mx.b.example:25: waits for answer to MAIL since \
                 2026-11-26T12:00:00Z",
                "peer b is paused since 2026-11-26T12:00:00Z until somebody resumes it",
                "    by ada: they move house",
                "peer b is down since 2026-11-26T12:00:00Z; a message tries it now",
                "    mx.b.example:25: 554 no (greeting)",
                "host mx.b.example:25 of b is down since 2026-11-26T12:00:00Z\n    554 no (greeting)",
            ]
        );
    }
}
