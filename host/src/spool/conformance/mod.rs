//! The conformance suite: every promise of every verb, as a claim about any store.
//!
//! Every store must pass all of it, on a [`Stage`](support::Stage) of its own. Three do: SQLite, PostgreSQL, and the
//! store in memory. Some claims are about two relays at once, or about a program that dies in the middle of a change:
//! they run on stages that can simulate this. For SQLite, which serves one relay alone, `sqlite/tests/crash.rs` shows
//! the latter with kills. Promises of one store only (its index plans, its disk, its damage) are tested with that
//! store.

mod charging;
mod crash;
mod leases;
mod ledger;
mod life;
mod operator;
mod rollouts;
mod streams;
pub(in crate::spool) mod support;
mod transactions;
mod unfinished;

use std::sync::Arc;
use std::time::Duration;

use self::support::{Bystander, HeldClock, NOW, Stage};
use super::ledger::Ledger;
use super::memory::{Crash, Memory};
use super::postgres::tests::OnPostgres;
use super::sqlite::{Beside, Options, SqliteSpool};
use super::{Node, Spool};

/// Makes one test for each claim, each on a new stage.
macro_rules! on {
    ($store:ident, $stage:expr, $($room:ident :: $claim:ident),* $(,)?) => {
        mod $store {
            use super::*;

            $(
                #[tokio::test]
                async fn $claim() {
                    let Some(stage) = $stage else { return };
                    $room::$claim(&stage).await;
                }
            )*
        }
    };
}

macro_rules! claims {
    ($store:ident, $stage:expr) => {
        on! {
            $store, $stage,
            life::an_accepted_message_survives_a_restart_as_it_was,
            life::any_range_of_stored_content_reads_as_received,
            life::an_empty_message_is_a_message,
            life::received_bytes_are_stored_once_and_go_with_the_last_destination,
            life::removing_a_message_leaves_its_neighbours_bytes_alone,
            life::a_failed_delivery_stays_with_its_bytes_and_is_not_due,
            life::a_deferred_delivery_is_due_at_its_time_and_not_before,
            life::recipients_that_are_done_leave_the_queue_and_the_others_stay,
            life::what_is_due_comes_oldest_first_within_limit_and_without_exceptions,
            life::new_bytes_bound_an_answer_but_never_make_it_empty,
            life::an_event_waits_with_its_message_until_it_is_settled_once,
            life::an_event_settled_late_leaves_a_newer_one_alone,
            life::an_event_of_a_part_remembers_every_recipient_of_its_attempt,
            life::what_plugins_keep_is_kept_with_the_message_that_caused_it,
            unfinished::a_held_message_waits_for_an_operator_and_is_given_out_when_released,
            unfinished::due_messages_come_in_order_but_for_those_that_are_excepted,
            unfinished::what_a_message_comes_to_happens_once,
            unfinished::one_message_that_is_gone_does_not_spoil_the_transaction_of_others,
            unfinished::a_message_that_is_held_again_waits_with_the_new_reason,
            unfinished::a_deferred_message_waits_until_it_is_due_and_counts_its_runs,
            unfinished::a_refused_message_is_kept_as_failed_and_can_be_released,
            unfinished::all_held_messages_are_released_at_once,
            unfinished::a_dropped_message_is_not_finished,
            unfinished::a_partly_held_message_remembers_its_arrival_and_its_ordinals,
            unfinished::time_in_which_a_message_was_held_does_not_count_as_its_age,
            charging::a_discarded_message_leaves_its_record_and_nothing_else,
            charging::an_outcome_of_a_dropped_message_is_charged_all_the_same,
            charging::a_request_that_failed_leaves_no_gap_in_the_sequence,
            charging::the_sequence_goes_on_after_everything_was_exported_and_forgotten,
            charging::a_record_that_waits_is_numbered_once_when_its_request_is_answered,
            charging::a_record_that_would_wait_for_no_request_does_not,
            charging::a_record_of_what_was_refused_late_has_the_answer_to_its_request,
            streams::each_stream_has_its_own_numbers,
            streams::a_reader_reads_its_stream_and_no_other,
            streams::a_mark_never_goes_back_nor_beyond_the_last_record,
            streams::what_every_reader_has_passed_is_purged_and_nothing_else,
            streams::numbers_go_on_after_everything_was_purged_whoever_had_taken_it,
            streams::who_waits_for_a_stream_is_woken_by_a_commit_that_appends,
            transactions::a_request_is_found_by_each_of_its_keys_after_a_restart,
            transactions::requests_that_share_a_key_are_found_newest_first,
            transactions::a_request_that_is_over_is_not_found_and_may_come_again,
            transactions::the_end_of_what_waited_beyond_its_requests_time_is_told_all_the_same,
            transactions::what_an_unfinished_message_comes_to_adds_its_legs_to_the_open_request,
            transactions::a_change_is_durable_with_the_outcome_or_the_message_that_caused_it,
            transactions::a_change_to_nothing_is_none_and_leaves_its_neighbours_alone,
            transactions::what_is_due_comes_oldest_first_and_only_then,
            transactions::what_was_taken_over_stays_behind_its_delivery_until_its_leg_is_decided,
            transactions::a_response_that_overtakes_the_outcome_of_its_request_leaves_nothing_kept,
            transactions::what_the_peer_that_asked_owns_is_never_kept,
            transactions::recipients_that_were_taken_first_are_asked_again_with_the_others,
            transactions::an_operator_sees_what_awaits_a_response_and_may_send_it_or_drop_it,
            transactions::a_refusal_from_the_spool_is_known_to_the_request_at_once,
            transactions::everything_that_happens_to_a_request_is_in_its_history,
            operator::the_list_shows_what_waits_has_failed_or_is_held,
            operator::the_list_can_be_narrowed_and_paged,
            operator::show_has_the_journey_and_the_header_that_will_be_sent,
            operator::retrying_makes_what_waits_or_failed_due_now,
            operator::dropping_removes_every_state_with_its_bytes,
            operator::what_has_no_next_hop_is_never_made_to_wait,
            operator::what_an_operator_keeps_back_is_not_due_until_it_is_released,
            operator::what_goes_elsewhere_is_due_there_and_nowhere_else,
            operator::a_change_and_its_entry_in_the_audit_are_one_commit,
            operator::the_audit_forgets_what_is_older_than_asked_and_gives_no_number_again,
            operator::it_is_known_for_whom_something_has_waited_since_a_time,
            operator::content_is_read_in_pieces_as_sent_and_as_received,
            ledger::a_message_is_opened_with_what_it_is_and_ended_with_what_became_of_it_and_both_name_their_records,
            ledger::what_an_operator_does_stands_in_the_ledger,
            ledger::what_was_held_is_carried_on_into_what_it_comes_to,
            ledger::a_bounce_ends_what_was_delivered_once,
            leases::what_goes_out_of_a_commit_belongs_to_who_commits_it,
            leases::what_a_commit_leases_to_somebody_who_has_gone_is_free,
            leases::what_is_leased_is_leased_once_until_it_is_given_back,
            leases::leases_are_over_when_the_relay_begins_anew,
            leases::what_is_overdue_is_leased_too,
            leases::what_is_too_old_is_found_behind_messages_that_are_younger_than_their_ids,
            leases::only_who_holds_a_message_records_what_became_of_it,
            leases::a_lease_goes_on_after_a_record,
            leases::a_message_whose_chain_is_run_is_given_out_once,
            leases::a_request_whose_task_is_due_is_given_out_once,
            leases::an_outcome_that_plug_ins_are_told_is_given_out_once,
            leases::of_two_responses_that_saw_the_same_request_one_is_committed,
            leases::that_a_next_hop_took_a_request_declines_no_response_to_it,
            leases::a_change_and_a_finish_are_declined_too_when_the_request_has_moved,
            leases::two_relays_share_what_is_due_and_neither_has_what_the_other_has,
            leases::a_relay_that_is_silent_for_too_long_loses_what_it_had_and_records_nothing,
            leases::of_two_relays_that_finish_one_message_one_does,
            leases::of_two_copies_at_two_relays_one_is_accepted,
            leases::ids_of_two_relays_never_meet,
            rollouts::of_two_relays_that_saw_the_same_course_one_changes_it,
            rollouts::a_change_of_a_course_and_its_entries_in_the_audit_are_one_commit,
            rollouts::a_component_is_read_as_it_was_put_until_nobody_needs_it,
            rollouts::the_store_says_who_lives_and_the_dead_change_no_course,
            rollouts::a_course_survives_a_restart,
            crash::a_message_whose_commit_is_cut_off_is_there_as_a_whole_or_not_at_all,
            crash::an_outcome_whose_record_is_cut_off_is_charged_once_in_the_end,
            crash::a_response_whose_commit_is_cut_off_leaves_the_request_open_or_answered,
        }
    };
}

claims!(on_sqlite, Some(OnSqlite::new()));
claims!(in_memory, Some(InMemory::new()));
claims!(on_postgres, OnPostgres::new());

struct OnSqlite {
    folder: tempfile::TempDir,
    clock: HeldClock,
}

impl OnSqlite {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: HeldClock::at(NOW),
        }
    }
}

impl Stage for OnSqlite {
    fn open(&self) -> Arc<dyn Spool> {
        let options = Options {
            clock: Arc::new(self.clock.clone()),
            forget: None,
            ..Options::default()
        };
        SqliteSpool::open(self.folder.path(), options).unwrap()
    }

    fn operator(&self) -> Arc<dyn Bystander> {
        Arc::new(Beside::open(self.folder.path()).unwrap())
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        Some(Arc::new(Beside::open(self.folder.path()).unwrap()))
    }

    fn messages(&self) -> u64 {
        let db = rusqlite::Connection::open(self.folder.path().join("spool.db")).unwrap();
        let count = |sql| db.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap() as u64;
        let messages = count("SELECT count(*) FROM message");
        let with_bytes = count("SELECT count(DISTINCT chunk >> 12) FROM content");
        assert!(with_bytes <= messages, "bytes of a message that has gone");
        messages
    }

    fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }
}

struct InMemory {
    memory: Arc<Memory>,
    clock: HeldClock,
}

impl InMemory {
    fn new() -> Self {
        let clock = HeldClock::at(NOW);
        Self {
            memory: Memory::new(Arc::new(clock.clone())),
            clock,
        }
    }
}

impl Stage for InMemory {
    fn open(&self) -> Arc<dyn Spool> {
        self.memory.relay(Node::default())
    }

    fn operator(&self) -> Arc<dyn Bystander> {
        self.memory.relay(Node::new(15).unwrap())
    }

    fn messages(&self) -> u64 {
        self.memory.messages() as u64
    }

    fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    fn another(&self) -> Option<Arc<dyn Spool>> {
        Some(self.memory.relay(Node::new(1).unwrap()))
    }

    fn dies(&self, durable: bool) -> bool {
        self.memory.crash(if durable {
            Crash::AfterTheFlush
        } else {
            Crash::BeforeTheFlush
        });
        true
    }
}

/// A claim that no stage runs would show nothing.
#[test]
fn every_claim_is_asked_of_every_store() {
    let listed = include_str!("mod.rs");
    for (room, text) in [
        ("charging", include_str!("charging.rs")),
        ("crash", include_str!("crash.rs")),
        ("leases", include_str!("leases.rs")),
        ("ledger", include_str!("ledger.rs")),
        ("life", include_str!("life.rs")),
        ("operator", include_str!("operator.rs")),
        ("streams", include_str!("streams.rs")),
        ("transactions", include_str!("transactions.rs")),
        ("unfinished", include_str!("unfinished.rs")),
    ] {
        for claim in text.split("\npub(super) async fn ").skip(1) {
            let name = claim.split('(').next().unwrap_or_default();
            assert!(listed.contains(&format!("{room}::{name},")), "{room}::{name}");
        }
    }
}
