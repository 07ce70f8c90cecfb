//! A server that waits for one text after the other, and answers each with another.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const OPTIONS: &str = "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nAllow: 204\r\nPreview: 4\r\nISTag: \"one\"\r\n\
    Encapsulated: null-body=0\r\n\r\n";
const CLEAN: &str = "ICAP/1.0 204 Unmodified\r\nISTag: \"one\"\r\n\r\n";
const MORE: &str = "ICAP/1.0 100 Continue\r\n\r\n";
const ASKED: (&str, &str) = ("null-body=0\r\n\r\n", OPTIONS);

/// One script for each connection; what was heard on them.
async fn server(scripts: Vec<Vec<(&'static str, String)>>) -> (Address, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap().to_string());
    let serving = tokio::spawn(async move {
        let mut all = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut heard, mut from) = (String::new(), 0);
            for (awaited, answer) in script {
                while !heard[from..].contains(awaited) {
                    let mut octets = [0; 4096];
                    let read = stream.read(&mut octets).await.unwrap();
                    assert!(read > 0, "{awaited:?} did not come: {heard:?}");
                    heard.push_str(std::str::from_utf8(&octets[..read]).unwrap());
                }
                from = heard.len();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            all.push(heard);
        }
        all
    });
    (address, serving)
}

fn script(steps: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    steps
        .iter()
        .map(|&(awaited, answer)| (awaited, answer.to_owned()))
        .collect()
}

fn part(octets: &'static str) -> Scanned {
    let (first, second) = octets.split_at(octets.len() / 2);
    Scanned {
        media_type: "image/gif".into(),
        pieces: vec![first.into(), second.into()],
    }
}

/// What such a server says of `harmless`.
async fn scanned(steps: &[(&'static str, &str)]) -> (Result<Option<String>, Trouble>, String) {
    let (address, serving) = server(vec![script(steps)]).await;
    let found = Icap::new(&address, "avscan", 1).scan(&address, &part("harmless")).await;
    (found, serving.await.unwrap().concat())
}

fn why(found: Result<Option<String>, Trouble>) -> String {
    match found {
        Err(Trouble::Failed(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn answer(fields: &str, http: &str, body: &str) -> String {
    let (head, chunk) = (http.len(), body.len());
    format!(
        "ICAP/1.0 200 OK\r\n{fields}Encapsulated: res-hdr=0, res-body={head}\r\n\r\n{http}{chunk:x}\r\n{body}\r\n0\r\n\r\n"
    )
}

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\n\r\n";

#[tokio::test]
async fn a_part_goes_behind_its_preview_when_the_service_asks_for_it() {
    let (found, heard) = scanned(&[ASKED, ("0\r\n\r\n", MORE), ("0\r\n\r\n", CLEAN)]).await;
    assert_eq!(found.unwrap(), None);
    let question = heard
        .split_once("OPTIONS ")
        .unwrap()
        .1
        .split_once("RESPMOD ")
        .unwrap()
        .1;
    assert!(
        question.starts_with("icap://127.0.0.1:") && question.contains("/avscan ICAP/1.0\r\n"),
        "{question}"
    );
    let expected = "Allow: 204\r\nPreview: 4\r\nEncapsulated: req-hdr=0, res-hdr=57, res-body=120\r\n\r\n\
        GET http://part.invalid/ HTTP/1.1\r\nHost: part.invalid\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: 8\r\n\r\n\
        4\r\nharm\r\n0\r\n\r\n4\r\nless\r\n0\r\n\r\n";
    assert!(question.ends_with(expected), "{question}");
}

#[tokio::test]
async fn a_service_may_have_seen_enough_in_the_preview() {
    let (found, heard) = scanned(&[ASKED, ("0\r\n\r\n", CLEAN)]).await;
    assert_eq!(found.unwrap(), None);
    assert!(!heard.contains("less"), "{heard}");
    // The preview is all of it, and says so.
    let large = OPTIONS.replace("Preview: 4", "Preview: 1024");
    let (found, heard) = scanned(&[("null-body=0\r\n\r\n", &large), ("0; ieof\r\n\r\n", CLEAN)]).await;
    assert_eq!(found.unwrap(), None);
    assert!(heard.ends_with("4\r\nharm\r\n4\r\nless\r\n0; ieof\r\n\r\n"), "{heard}");
}

#[tokio::test]
async fn the_name_of_what_was_found_is_where_scanners_write_it() {
    let infection = "X-Infection-Found: Type=0; Resolution=2; Threat=Test.One;\r\n";
    let violations = "X-Violations-Found: 1\r\n\t-\r\n\tTest.Two\r\n\t0\r\n\t0\r\n";
    for (fields, http, body, name) in [
        (infection, FORBIDDEN, "no", "Test.One"),
        (violations, FORBIDDEN, "no", "Test.Two"),
        ("X-Virus-ID: Test.Three\r\n", OK, "cleaned", "Test.Three"),
        ("", FORBIDDEN, "no", "blocked: 403 Forbidden"),
        (infection, OK, "harmless", "Test.One"),
    ] {
        let (found, _) = scanned(&[ASKED, ("0\r\n\r\n", &answer(fields, http, body))]).await;
        assert_eq!(found.unwrap().as_deref(), Some(name));
    }
}

#[tokio::test]
async fn what_comes_back_as_it_was_is_clean_and_what_was_changed_without_a_word_is_not() {
    for (fields, body, is_clean) in [
        ("", "harmless", true),
        ("X-Violations-Found: 0\r\n", "harmless", true),
        ("X-Virus-ID: none\r\n", "harmless", true),
        ("", "harmles", false),
        ("", "harmless!", false),
        ("", "", false),
    ] {
        let returned = match body {
            "" => "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\n".to_owned() + OK,
            _ => answer(fields, OK, body),
        };
        let (found, _) = scanned(&[ASKED, ("0\r\n\r\n", MORE), ("0\r\n\r\n", &returned)]).await;
        match is_clean {
            true => assert_eq!(found.unwrap(), None, "{body}"),
            false => assert!(why(found).ends_with("did not say what it found"), "{body}"),
        }
    }
}

#[tokio::test]
async fn a_service_that_takes_requests_only_and_wants_no_preview_gets_a_request_at_once() {
    let takes = "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nEncapsulated: null-body=0\r\n\r\n";
    let http = "PUT http://part.invalid/ HTTP/1.1\r\n\r\n";
    let returned = format!(
        "ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, req-body={}\r\n\r\n{http}8\r\nharmless\r\n0\r\n\r\n",
        http.len()
    );
    let (found, heard) = scanned(&[("null-body=0\r\n\r\n", takes), ("0\r\n\r\n", &returned)]).await;
    assert_eq!(found.unwrap(), None);
    assert!(
        heard.contains("REQMOD icap://") && !heard.contains("Allow") && !heard.contains("Preview"),
        "{heard}"
    );
    assert!(heard.ends_with("4\r\nharm\r\n4\r\nless\r\n0\r\n\r\n"), "{heard}");
}

#[tokio::test]
async fn a_service_that_is_none_and_an_answer_that_is_none_are_failures_that_say_so() {
    let none = "ICAP/1.0 404 Service not found\r\nConnection: close\r\n\r\n";
    let (found, _) = scanned(&[("null-body=0\r\n\r\n", none)]).await;
    assert_eq!(
        why(found),
        "its service \"avscan\" is none: it says 404 Service not found"
    );
    let endless = format!("ICAP/1.0 204 {}", "x".repeat(70_000));
    for (wrong, says) in [
        ("220 mail.example ESMTP\r\n", "which is no ICAP"),
        ("ICAP/1.0 500 Server error\r\n\r\n", "it says 500 Server error"),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: body\r\n\r\n",
            "nothing of where it ends",
        ),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: res-body=999999999\r\n\r\n",
            "more headers",
        ),
        (
            "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\nx\r\n",
            "a chunk without a size",
        ),
        (endless.as_str(), "no end"),
        ("", "hung up without an answer"),
        ("ICAP/1.0 20", "hung up in its answer"),
    ] {
        let (found, _) = scanned(&[ASKED, ("0\r\n\r\n", wrong)]).await;
        let why = why(found);
        assert!(why.contains(says), "{wrong:.40}: {why}");
    }
    let too_large = "ICAP/1.0 413 Too large\r\n\r\n";
    let (found, _) = scanned(&[ASKED, ("0\r\n\r\n", too_large)]).await;
    assert!(matches!(found, Err(Trouble::TooLarge(_))), "{found:?}");
}

#[tokio::test]
async fn a_connection_serves_the_next_question_and_one_that_was_closed_meanwhile_is_made_anew() {
    let clean = ("0\r\n\r\n", CLEAN);
    // The second connection is closed in the middle of a question.
    let scripts = vec![
        script(&[ASKED, clean, clean]),
        script(&[clean, ("0\r\n\r\n", "")]),
        script(&[
            clean,
            ("0\r\n\r\n", "ICAP/1.0 204 No\r\nISTag: \"two\"\r\n\r\n"),
            ASKED,
            clean,
        ]),
    ];
    let (address, serving) = server(scripts).await;
    let icap = Icap::new(&address, "avscan", 1);
    for _ in 0..2 {
        assert_eq!(icap.scan(&address, &part("harmless")).await.unwrap(), None);
    }
    // The first one is gone by now.
    while let Some(kept) = icap.kept().await {
        icap.connections.keep(kept);
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        assert_eq!(icap.scan(&address, &part("harmless")).await.unwrap(), None);
    }
    let heard = serving.await.unwrap();
    assert_eq!(
        heard.iter().map(|it| it.matches("OPTIONS").count()).collect::<Vec<_>>(),
        [1, 0, 1],
        "a new tag"
    );
}

#[tokio::test]
async fn an_answer_that_comes_before_all_is_sent_is_heard() {
    let found = answer("X-Infection-Found: Threat=Test.Early;\r\n", FORBIDDEN, "no");
    let (address, _serving) = server(vec![vec![
        (ASKED.0, OPTIONS.replace("Preview: 4\r\n", "")),
        ("RESPMOD", found),
        // Keeps the connection.
        ("never", String::new()),
    ]])
    .await;
    // More than a socket's buffers hold, if nobody reads.
    let large = Scanned {
        media_type: "video/3gpp".into(),
        pieces: vec![Bytes::from(vec![b'x'; 32 << 20])],
    };
    let icap = Icap::new(&address, "avscan", 1);
    let found = tokio::time::timeout(Duration::from_secs(30), icap.scan(&address, &large)).await;
    assert_eq!(found.unwrap().unwrap().as_deref(), Some("Test.Early"));
}
