//! What a reload would change: the running configuration compared with its file.

use crate::config::Config;

/// One line for each difference; none when there is none.
pub(super) fn changes(running: &Config, read: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    by_name(&mut lines, "peer", (&running.peers, &read.peers), |peer| {
        peer.name.as_str()
    });
    by_name(&mut lines, "table", (&running.tables, &read.tables), |table| {
        &table.name
    });
    by_name(&mut lines, "plug-in", (&running.plugins, &read.plugins), |plugin| {
        &plugin.name
    });
    let order = |of: &Config| -> Vec<String> { of.plugins.iter().map(|plugin| plugin.name.clone()).collect() };
    let (before, after) = (order(running), order(read));
    let moved = before.len() == after.len() && before != after && before.iter().all(|name| after.contains(name));
    lines.extend(moved.then(|| format!("the order of the plug-ins is now {}", after.join(", "))));
    routes(&mut lines, running, read);
    for (section, same) in [
        ("[routing]", running.routing == read.routing),
        ("[[relay-server]]", running.relay_servers == read.relay_servers),
        ("[transactions]", running.transactions == read.transactions),
        ("[ledger]", running.ledger == read.ledger),
        ("[alarms]", running.alarms == read.alarms),
        ("[audit]", running.audit == read.audit),
        ("[plugin-signing]", running.plugin_signing == read.plugin_signing),
        ("[recording]", running.recording == read.recording),
    ] {
        lines.extend((!same).then(|| format!("{section} differs")));
    }
    let relay = crate::config::Relay {
        name_servers: read.relay.name_servers.clone(),
        ..running.relay.clone()
    };
    let other_servers = running.relay.name_servers != read.relay.name_servers;
    lines.extend(other_servers.then(|| "relay.name-servers differs".to_owned()));
    for (section, same) in [
        ("[relay]", read.relay == relay),
        ("[limits]", running.limits == read.limits),
        ("[tls]", running.tls.is_some() == read.tls.is_some()),
        ("[control]", running.control == read.control),
        ("[monitoring]", running.monitoring == read.monitoring),
        ("[tracing]", running.tracing == read.tracing),
        ("[[charging-output]]", running.charging_outputs == read.charging_outputs),
    ] {
        lines
            .extend((!same).then(|| format!("{section} differs: that takes a restart, a reload leaves it as it runs")));
    }
    lines
}

fn by_name<T: PartialEq>(
    lines: &mut Vec<String>,
    what: &str,
    (before, after): (&[T], &[T]),
    name: impl Fn(&T) -> &str,
) {
    for now in after {
        let named = name(now);
        match before.iter().find(|old| name(old) == named) {
            None => lines.push(format!("{what} {named} is added")),
            Some(was) if was != now => lines.push(format!("{what} {named} differs")),
            Some(_) => {}
        }
    }
    let gone = before
        .iter()
        .filter(|old| after.iter().all(|now| name(now) != name(old)));
    lines.extend(gone.map(|old| format!("{what} {} is removed", name(old))));
}

fn routes(lines: &mut Vec<String>, running: &Config, read: &Config) {
    let added = read.routes.iter().filter(|route| !running.routes.contains(route));
    lines.extend(added.map(|route| format!("route {} is added or differs", route.prefix)));
    let is_there = |prefix| read.routes.iter().any(|route| route.prefix == prefix);
    let gone = running.routes.iter().filter(|route| !is_there(route.prefix.clone()));
    lines.extend(gone.map(|route| format!("route {} is removed", route.prefix)));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:2525\"]\n{more}"
        );
        Config::parse(&text, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn each_difference_is_a_line_and_says_whether_it_takes_a_restart() {
        let peer = |name: &str, rate: &str| {
            format!(
                "[[peer]]\nname = \"{name}\"\ndomains = [\"mms.{name}.example\"]\nhosts = [\"192.0.2.10:25\"]\nrate = \
                 \"{rate}\"\n"
            )
        };
        let running = config(&(peer("a", "1/s") + &peer("b", "1/s")));
        let read = config(&("[limits]\nsessions = 5\n".to_owned() + &peer("a", "2/s") + &peer("c", "1/s")));
        assert_eq!(
            changes(&running, &read),
            [
                "peer a differs",
                "peer c is added",
                "peer b is removed",
                "[limits] differs: that takes a restart, a reload leaves it as it runs"
            ]
        );
        assert_eq!(changes(&running, &running), [""; 0]);
    }
}
