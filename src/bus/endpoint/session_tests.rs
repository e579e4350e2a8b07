use super::*;

fn say(session: &mut Session, text: &str) -> String {
    let args: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
    let last = BTreeMap::from([(b"a".to_vec(), b"1".to_vec())]);
    session.command(&args, View::default, &last);
    String::from_utf8(session.take_output()).expect("replies here are text")
}

#[test]
fn commands_are_answered() {
    let mut session = Session::new(7, "127.0.0.1:9");
    for (command, reply) in [
        ("ping", "+PONG\r\n"),
        ("ECHO x", "$1\r\nx\r\n"),
        ("AUTH secret", "+OK\r\n"),
        ("AUTH default secret", "+OK\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("SELECT 1", "-ERR there is database 0 only: set redis.url for a real Redis\r\n"),
        ("CLIENT ID", ":7\r\n"),
        ("CLIENT GETNAME", "$-1\r\n"),
        ("CLIENT SETNAME \u{e9}", "-ERR a client name has no spaces or special characters\r\n"),
        ("client setname dash", "+OK\r\n"),
        ("CLIENT GETNAME", "$4\r\ndash\r\n"),
        ("CLIENT SETINFO LIB-NAME x", "+OK\r\n"),
        ("CLIENT LIST", "$52\r\nid=7 addr=127.0.0.1:9 name=dash sub=0 psub=0 resp=2\n\r\n"),
        ("CLIENT KILL x", "-ERR 'CLIENT KILL' with 1 arguments is not served here: set redis.url for a real Redis\r\n"),
        ("HGET growctl:last a", "$1\r\n1\r\n"),
        ("HGETALL growctl:last", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"),
        ("HGET growctl:last b", "$-1\r\n"),
        ("SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
        ("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"),
        ("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"),
    ] {
        assert_eq!(say(&mut session, command), reply, "{command}");
    }
    assert!(say(&mut session, "GET x").contains("redis.url"));
    assert!(say(&mut session, "HELLO 3").starts_with("%7\r\n"));
    assert_eq!(say(&mut session, "HGET growctl:last b"), "_\r\n");
    assert!(!session.is_closing());
    say(&mut session, "QUIT");
    assert!(session.is_closing());
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_bytes_in_hand_count_too() {
    let mut session = Session::new(1, "127.0.0.1:9");
    say(&mut session, "PSUBSCRIBE *");
    session.written(OUTPUT_LIMIT);
    let payload = vec![b'x'; OUTPUT_LIMIT / 2];
    assert_eq!(session.deliver(b"c", &payload), 1);
    let taken = session.take_output().len();
    session.written(taken);
    assert_eq!(session.deliver(b"c", &payload), 1);
    session.take_output();
    assert!(!session.is_closing());
    assert_eq!(session.deliver(b"c", &payload), 0);
    assert!(session.is_closing() && session.is_cut() && session.take_output().is_empty());
}

#[test]
fn ready_checks_are_answered_and_subscriptions_are_bounded() {
    let mut session = Session::new(1, "127.0.0.1:9");
    assert!(say(&mut session, "INFO").contains("\r\nloading:0\r\n"));
    say(&mut session, "HELLO 3");
    for number in 0..SUBSCRIPTIONS {
        assert!(say(&mut session, &format!("SUBSCRIBE c{number}")).starts_with(">3"));
    }
    assert!(say(&mut session, "PSUBSCRIBE *").contains("redis.url"));
    say(&mut session, "UNSUBSCRIBE c0");
    assert!(say(&mut session, "PSUBSCRIBE *").starts_with(">3"));
}
