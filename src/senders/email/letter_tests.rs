use super::*;

fn ends() -> Ends {
    let zone = TimeZone::get("Europe/Amsterdam").expect("a zone");
    let mailbox = |text: &str| text.parse().expect("an address");
    Ends { from: mailbox("growctl <g@farm.example>"), to: mailbox("a@b.example"), site: "farm".to_owned(), zone }
}

fn parcel(tries: u32) -> Parcel {
    Parcel {
        id: 1,
        key: "42-1 a/ü".into(),
        at: crate::model::Utc(1_795_649_400_000_000_000),
        tries,
        body: String::new(),
    }
}

fn note() -> Note {
    Note {
        severity: Severity::Critical,
        standing: Standing::Firing,
        summary: "room 1: 31.4 °C\r\nBcc: evil@x.example".to_owned(),
        details: vec!["<script>alert(1)</script> & co".to_owned()],
        rule: "too-hot".into(),
        site: "farm".to_owned(),
        since: 1_795_649_400.0,
        count: 2,
        ack: "A7".to_owned(),
        ..Note::default()
    }
}

fn written(note: &Note, tries: u32) -> String {
    String::from_utf8(letter(&ends(), note, &parcel(tries)).expect("a letter").formatted()).expect("text")
}

#[test]
fn a_line_end_in_a_summary_begins_no_header() {
    let letter = written(&note(), 1);
    let headers: Vec<&str> = letter.split("\r\n\r\n").next().expect("headers").lines().collect();
    assert!(!headers.iter().any(|line| line.to_lowercase().starts_with("bcc")), "{headers:#?}");
    for wanted in
        ["Auto-Submitted: auto-generated", "X-Priority: 1 (Highest)", "Message-ID: <42-1_20a_2f_c3_bc@farm.example>"]
    {
        assert!(headers.contains(&wanted), "{wanted}: {headers:#?}");
    }
}

#[test]
fn text_and_html_say_the_same_and_markup_is_text() {
    let (ends, note, parcel) = (ends(), note(), parcel(2));
    let rows = rows(&ends, &note, &parcel, "farm");
    let text = text(&note, &rows);
    let expected = "CRITICAL: room 1: 31.4 °C Bcc: evil@x.example\n\n- <script>alert(1)</script> & co\n\nsite: farm\nrule: too-hot\n\
since: 2026-11-26 00:30:00 CET\nalerts: 2\nacknowledge: growctl alert ack A7\ntry: 2: you may have got it already\n";
    assert_eq!(text, expected);
    let html = html(&note, &rows);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; co") && !html.contains("<script"), "{html}");
    assert!(html.contains("CRITICAL") && html.contains("#b42318") && !html.contains("<img"), "{html}");
}

#[test]
fn a_subject_says_how_bad_it_is_and_ends_with_a_word() {
    let subject_of = |note: Note| subject("farm", &note);
    assert_eq!(
        subject_of(Note { standing: Standing::Resolved, ..note() }),
        "[farm] RESOLVED: room 1: 31.4 °C Bcc: evil@x.example"
    );
    assert_eq!(subject_of(Note { standing: Standing::NoData, ..note() }).split(':').next(), Some("[farm] NO DATA"));
    let long = subject_of(Note { summary: "wörter ".repeat(40), standing: Standing::Said, ..note() });
    assert!(long.starts_with("[farm] CRITICAL: wörter") && long.ends_with("wörter…"), "{long}");
    assert!(long.chars().count() < 140, "{long}");
}
