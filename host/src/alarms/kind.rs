//! The kinds of alarms.

/// The words are stable, because dashboards and webhooks depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    PeerDown,
    QueueAge,
    DeferralRate,
    BreakerOpen,
    RolledBack,
    Disk,
    StoreAway,
    StoreUnsafe,
    StoreWentBack,
    OneMachine,
    RelaysDiffer,
    Unwell,
    DeadLetters,
    ResponsesMissing,
    NotFetched,
    CertificateEnds,
    ClockJumped,
    TableRefused,
    TableStale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Needs action, in time.
    Warning,
    /// Needs action at once: messages are lost, refused, or wait without end.
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl AlarmKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerDown => "peer-down",
            Self::QueueAge => "queue-age",
            Self::DeferralRate => "deferral-rate",
            Self::BreakerOpen => "breaker-open",
            Self::RolledBack => "rolled-back",
            Self::Disk => "disk",
            Self::StoreAway => "store-away",
            Self::StoreUnsafe => "store-unsafe",
            Self::StoreWentBack => "store-went-back",
            Self::OneMachine => "one-machine",
            Self::RelaysDiffer => "relays-differ",
            Self::Unwell => "unwell",
            Self::DeadLetters => "dead-letters",
            Self::ResponsesMissing => "responses-missing",
            Self::NotFetched => "not-fetched",
            Self::CertificateEnds => "certificate-ends",
            Self::ClockJumped => "clock-jumped",
            Self::TableRefused => "table-refused",
            Self::TableStale => "table-stale",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::BreakerOpen
            | Self::Disk
            | Self::StoreAway
            | Self::StoreUnsafe
            | Self::StoreWentBack
            | Self::Unwell
            | Self::DeadLetters => Severity::Critical,
            Self::PeerDown
            | Self::QueueAge
            | Self::DeferralRate
            | Self::RolledBack
            | Self::ResponsesMissing
            | Self::NotFetched
            | Self::OneMachine
            | Self::RelaysDiffer
            | Self::CertificateEnds
            | Self::ClockJumped
            | Self::TableRefused
            | Self::TableStale => Severity::Warning,
        }
    }

    /// What an operator can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PeerDown => {
                "mm4relay peers --peer NAME says what each host said; ask the peer, or send another way: queue reroute"
            }
            Self::QueueAge => "mm4relay queue list --peer NAME says why its messages wait",
            Self::DeferralRate => {
                "mm4relay queue list --peer NAME has what the peer says; a lower rate may help: peers limit"
            }
            Self::BreakerOpen => "mm4relay plugin list has its failures; rollback, off, or reset once it is mended",
            Self::RolledBack => "the new version failed more than the one before: mend it and put it there again",
            Self::Disk => "make room on the spool's disk: the relay goes on by itself",
            Self::StoreAway => {
                "mm4relay cluster status says what is missing: see to the database, its network and its standbys; relays go on by themselves"
            }
            Self::StoreUnsafe => "set in PostgreSQL what is missing, and reload it: relays go on by themselves",
            Self::StoreWentBack => {
                "stop what writes and look for the server that has the rest; a restart of the relay goes on with what is there"
            }
            Self::OneMachine => {
                "let PostgreSQL replicate, and take durability = \"single-machine\" out of [spool]; see docs/cluster.md"
            }
            Self::RelaysDiffer => {
                "mm4relay cluster status says what each relay runs: give them the same files, and reload"
            }
            Self::Unwell => "the log says why; restart the relay when it does not recover",
            Self::DeadLetters => {
                "mm4relay queue list --state failed, then retry or drop; let the peer take bounces or responses"
            }
            Self::ResponsesMissing => {
                "mm4relay requests --peer NAME --state timed-out; ask the peer whether its responses are sent"
            }
            Self::NotFetched => "check the system that fetches the charging files",
            Self::CertificateEnds => "put a new certificate in its place and reload",
            Self::ClockJumped => "let the clock be kept by NTP; restart the relay when it is right",
            Self::TableRefused => "mm4relay check says which rows are wrong; the table of before is used",
            Self::TableStale => "check the system that delivers the table",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [AlarmKind; 19] = [
        AlarmKind::PeerDown,
        AlarmKind::QueueAge,
        AlarmKind::DeferralRate,
        AlarmKind::BreakerOpen,
        AlarmKind::RolledBack,
        AlarmKind::Disk,
        AlarmKind::StoreAway,
        AlarmKind::StoreUnsafe,
        AlarmKind::StoreWentBack,
        AlarmKind::OneMachine,
        AlarmKind::RelaysDiffer,
        AlarmKind::Unwell,
        AlarmKind::DeadLetters,
        AlarmKind::ResponsesMissing,
        AlarmKind::NotFetched,
        AlarmKind::CertificateEnds,
        AlarmKind::ClockJumped,
        AlarmKind::TableRefused,
        AlarmKind::TableStale,
    ];

    #[test]
    fn each_alarm_has_a_row_in_the_documentation_with_its_severity() {
        let page = include_str!("../../../docs/operations.md");
        for (at, kind) in ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "all of them, in their order");
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{}` |", kind.as_str())));
            let row = row.unwrap_or_else(|| panic!("{} is not in docs/operations.md", kind.as_str()));
            assert!(row.ends_with(&format!("| {} |", kind.severity().as_str())), "{row}");
        }
        assert_eq!(AlarmKind::TableStale as usize + 1, ALL.len());
    }
}
