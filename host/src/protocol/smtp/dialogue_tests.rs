use proptest::prelude::*;

use super::*;

const ALL: [Question; 10] = [
    Question::Greeting,
    Question::Ehlo,
    Question::Helo,
    Question::StartTls,
    Question::Mail,
    Question::Rcpt,
    Question::Data,
    Question::EndOfData,
    Question::Rset,
    Question::Quit,
];

fn asked(questions: &[Question]) -> Dialogue {
    let mut dialogue = Dialogue::after_handshake();
    questions.iter().for_each(|question| dialogue.ask(*question));
    dialogue
}

fn hear(dialogue: &mut Dialogue, text: &str) {
    dialogue.hear(&mut BytesMut::from(text.as_bytes()));
}

fn code(dialogue: &mut Dialogue) -> Result<Option<u16>, Unusable> {
    dialogue.answer().map(|reply| reply.map(|reply| reply.code))
}

#[test]
fn what_comes_before_its_question_is_no_answer() {
    for question in ALL {
        for (before, split) in [("250 ok\r\n", false), ("250 ok\r\n", true), ("3", false), ("x", false)] {
            let mut dialogue = asked(&[]);
            match split {
                true => before.chars().for_each(|c| hear(&mut dialogue, &c.to_string())),
                false => hear(&mut dialogue, before),
            }
            dialogue.ask(question);
            hear(&mut dialogue, "250 ok\r\n");
            let error = code(&mut dialogue).unwrap_err();
            assert!(matches!(error, Unusable::Unasked { .. }), "{question:?}: {error}");
        }
    }
}

#[test]
fn each_question_succeeds_by_its_own_codes_only() {
    for question in ALL {
        for (reply, fits) in [
            ("220 x\r\n", question != Question::Data),
            ("250 x\r\n", !matches!(question, Question::Data | Question::StartTls)),
            ("299 x\r\n", !matches!(question, Question::Data | Question::StartTls)),
            ("300 x\r\n", false),
            ("354 x\r\n", question == Question::Data),
            ("421 x\r\n", true),
            ("554 x\r\n", true),
        ] {
            let mut dialogue = asked(&[question]);
            hear(&mut dialogue, reply);
            assert_eq!(dialogue.answer().is_ok(), fits, "{question:?}: {reply}");
        }
    }
}

#[test]
fn one_reply_too_many_makes_the_whole_session_useless_at_any_place() {
    let group = [Question::Mail, Question::Rcpt, Question::Rcpt, Question::Data];
    let right = ["250 mail\r\n", "250 one\r\n", "250 two\r\n", "354 go\r\n"];
    for doubled in 0..right.len() {
        let mut dialogue = asked(&group);
        let mut replies: Vec<&str> = right.to_vec();
        replies.insert(doubled, right[doubled]);
        hear(&mut dialogue, &replies.concat());
        assert!(code(&mut dialogue).is_err(), "number {doubled} came twice");
        assert!(dialogue.in_step().is_err());
    }
}

#[test]
fn the_go_ahead_and_the_receipt_in_one_segment_are_no_receipt() {
    let mut dialogue = asked(&[Question::Data]);
    hear(&mut dialogue, "354 go on\r\n250 taken\r\n");
    assert!(code(&mut dialogue).is_err());
}

#[test]
fn the_answer_to_the_end_of_data_stands_beside_its_like_and_beside_a_farewell() {
    for (reply, decides) in [
        ("250 taken\r\n250 taken\r\n", Some(250)),
        ("250 taken\r\n2", Some(250)),
        ("250 taken\r\n421 bye\r\n", Some(250)),
        ("554 no\r\n550 no\r\n", Some(554)),
        ("250 taken\r\n554 no\r\n", None),
        ("250 taken\r\n354 go on\r\n", None),
        ("554 no\r\n250 taken\r\n", None),
        ("250 taken\r\noops\r\n", None),
    ] {
        let mut dialogue = asked(&[Question::EndOfData]);
        hear(&mut dialogue, reply);
        assert_eq!(code(&mut dialogue).ok().flatten(), decides, "{reply:?}");
        assert!(dialogue.in_step().is_err(), "and nothing else is asked: {reply:?}");
    }
}

#[test]
fn empty_lines_are_no_replies_too_many() {
    let mut dialogue = asked(&[Question::Mail]);
    hear(&mut dialogue, "250 ok\r\n\r\n");
    assert_eq!(code(&mut dialogue), Ok(Some(250)));
    hear(&mut dialogue, "\r\n\n");
    dialogue.ask(Question::Rcpt);
    hear(&mut dialogue, "\r\n250 ok\r\n");
    assert_eq!(code(&mut dialogue), Ok(Some(250)));
    assert!(dialogue.is_quiet());
}

#[test]
fn a_reply_that_ends_with_the_connection_answers() {
    let mut dialogue = asked(&[Question::EndOfData]);
    hear(&mut dialogue, "250 2.0.0 queued as 47");
    assert_eq!(code(&mut dialogue), Ok(None));
    dialogue.end();
    assert_eq!(code(&mut dialogue), Ok(Some(250)));
}

/// One event in a session.
#[derive(Clone, Debug)]
enum Step {
    Ask(Question),
    /// So many of the octets that the server has sent arrive.
    Arrive(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ask = prop::sample::select(ALL.to_vec()).prop_map(Step::Ask);
    let step = prop_oneof![ask, (1usize..40).prop_map(Step::Arrive)];
    prop::collection::vec(step, 1..40)
}

fn codes() -> impl Strategy<Value = Vec<u16>> {
    let code = prop::sample::select(vec![220u16, 250, 251, 354, 421, 452, 550, 554]);
    prop::collection::vec(code, 0..20)
}

#[test]
fn a_text_without_end_hides_no_answer_and_nothing_is_asked_behind_it() {
    for begin in ["250 taken ", "250-taken\r\n", "550 no "] {
        let mut dialogue = Dialogue::after_handshake();
        dialogue.ask(Question::EndOfData);
        let mut text = BytesMut::from(begin);
        text.resize(3 << 20, b'y');
        for _ in 0..48 {
            dialogue.hear(&mut text.split_to(text.len().min(65_536)));
        }
        let code = dialogue.answer().unwrap().unwrap().code;
        assert_eq!(code.to_string(), begin[..3]);
        assert!(dialogue.in_step().is_err());
        dialogue.ask(Question::Mail);
        dialogue.hear(&mut BytesMut::from("\r\n250 ok\r\n"));
        assert!(dialogue.answer().is_err());
    }
}

proptest! {
    /// Whatever a server says, whenever, and however its octets are split: a reply that is handed out is the one with
    /// the number of its question, fits that question, and did not begin to arrive before the question was asked.
    #[test]
    fn no_reply_answers_a_question_that_was_not_asked_when_it_came(steps in steps(), codes in codes()) {
        let mut stream = Vec::new();
        let mut begins = Vec::new();
        for (number, code) in codes.iter().enumerate() {
            begins.push(stream.len());
            stream.extend_from_slice(format!("{code} number {number}\r\n").as_bytes());
        }
        let mut dialogue = Dialogue::after_handshake();
        // The number of octets that had arrived when each question was asked.
        let mut asked: Vec<(Question, usize)> = Vec::new();
        let (mut arrived, mut answered) = (0, 0);
        for step in steps {
            match step {
                Step::Ask(question) => {
                    dialogue.ask(question);
                    asked.push((question, arrived));
                }
                Step::Arrive(octets) => {
                    let end = stream.len().min(arrived + octets);
                    dialogue.hear(&mut BytesMut::from(&stream[arrived..end]));
                    arrived = end;
                }
            }
            while let Ok(Some(reply)) = dialogue.answer() {
                let (question, before) = asked[answered];
                let expected = format!("number {answered}");
                prop_assert_eq!(reply.lines.first(), Some(&expected));
                prop_assert!(question.fits(reply.code));
                prop_assert!(begins[answered] >= before, "it began to arrive before it was asked for");
                answered += 1;
            }
        }
    }
}
