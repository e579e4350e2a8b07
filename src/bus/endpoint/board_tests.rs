use super::*;
use crate::model::Full;

/// A board with its queue, and clients that speak inline commands.
struct Room {
    board: Board,
    inbound: Arc<Queue<(Name, Vec<u8>)>>,
}

impl Room {
    fn new() -> Room {
        Room { board: Board::default(), inbound: Queue::new("endpoint in", 8, Full::DropNewest) }
    }

    fn join(&mut self) -> Option<usize> {
        self.board.join(([127, 0, 0, 1], 5000).into(), Doorbell::new())
    }

    fn say(&mut self, id: usize, command: &[u8]) -> String {
        let mut input = [command, b"\r\n"].concat();
        self.board.run(id, &mut input, &self.inbound);
        assert!(input.is_empty());
        self.output(id)
    }

    fn output(&mut self, id: usize) -> String {
        String::from_utf8_lossy(&self.board.session(id).unwrap().take_output()).into_owned()
    }
}

#[test]
fn clients_hear_each_other_and_the_engine_hears_what_is_text() {
    let mut room = Room::new();
    let (a, b) = (room.join().unwrap(), room.join().unwrap());
    room.say(a, b"SUBSCRIBE x");
    room.say(a, b"PSUBSCRIBE *");
    assert_eq!(room.say(b, b"PUBLISH x hello"), ":2\r\n");
    assert_eq!(room.say(b, b"PUBLISH \xff hello"), ":1\r\n");
    assert!(room.output(a).contains("pmessage"));
    assert_eq!(room.inbound.pop(), Some((Name::from("x"), b"hello".to_vec())));
    assert_eq!(room.inbound.pop(), None);
    assert_eq!(room.board.publish(b"y", b"own"), 1);
    assert_eq!(room.inbound.pop(), None, "what the engine publishes does not come back to it");
    let expected =
        EndpointCounts { clients: 2, published: 1, from_clients: 2, unreadable: 1, delivered: 4, cut: 0, refused: 0 };
    assert_eq!(room.board.counts(), expected);
}

#[test]
fn who_is_subscribed_can_be_asked_by_anyone() {
    let mut room = Room::new();
    let (a, b) = (room.join().unwrap(), room.join().unwrap());
    room.say(a, b"SUBSCRIBE sensor:update alert:update");
    room.say(a, b"PSUBSCRIBE sensor:*");
    room.say(b, b"HELLO 3");
    room.say(b, b"SUBSCRIBE sensor:update own");
    room.say(b, b"PSUBSCRIBE sensor:*");
    assert_eq!(room.say(b, b"PUBSUB CHANNELS"), "*3\r\n$12\r\nalert:update\r\n$13\r\nsensor:update\r\n$3\r\nown\r\n");
    assert_eq!(room.say(b, b"PUBSUB CHANNELS sensor:*"), "*1\r\n$13\r\nsensor:update\r\n");
    assert_eq!(
        room.say(b, b"PUBSUB NUMSUB sensor:update nobody"),
        "*4\r\n$13\r\nsensor:update\r\n:2\r\n$6\r\nnobody\r\n:0\r\n"
    );
    assert_eq!(room.say(b, b"PUBSUB NUMPAT"), ":1\r\n");
    assert_eq!(room.say(b, b"CLIENT SETNAME dash"), "+OK\r\n");
    let list = room.say(b, b"CLIENT LIST");
    assert!(list.contains("id=1 addr=127.0.0.1:5000 name= sub=2 psub=1 resp=2\n"), "{list}");
    assert!(list.contains("id=2 addr=127.0.0.1:5000 name=dash sub=2 psub=1 resp=3\n"), "{list}");
}

#[test]
fn last_values_are_set_and_replaced() {
    let mut room = Room::new();
    let a = room.join().unwrap();
    room.board.set_last("c", Some(b"1"));
    room.board.set_last("c", Some(b"22"));
    assert_eq!(room.say(a, b"HGET growctl:last c"), "$2\r\n22\r\n");
    assert_eq!(room.say(a, b"HGETALL growctl:last"), "*2\r\n$1\r\nc\r\n$2\r\n22\r\n");
    room.board.set_last("c", None);
    assert_eq!(room.say(a, b"HGETALL growctl:last"), "*0\r\n");
}

#[test]
fn clients_that_do_not_read_or_are_too_many_are_counted() {
    let mut room = Room::new();
    let ids: Vec<usize> = (0..CLIENTS).map(|_| room.join().unwrap()).collect();
    assert_eq!(room.join(), None);
    room.say(ids[0], b"SUBSCRIBE x");
    let payload = vec![b'x'; 3 * 1024 * 1024];
    assert_eq!((0..5).map(|_| room.board.publish(b"x", &payload)).collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
    let counts = room.board.counts();
    assert_eq!((counts.cut, counts.refused, counts.clients), (1, 1, CLIENTS));
    room.board.leave(ids[0]);
    assert!(room.join().is_some());
}
