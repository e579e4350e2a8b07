use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;

use tokio::time::Instant;

use super::*;
use crate::can::{BusHealth, BusId, CanId, Filter, Frame, FrameKind, Rates, wire};
use crate::model::{Mono, Timestamp, Utc};

/// Hears what comes.
#[derive(Clone)]
struct Ear {
    frames: Rc<RefCell<Vec<Frame>>>,
    states: Rc<RefCell<Vec<BusState>>>,
    began: Instant,
}

impl Listener for Ear {
    fn now(&self) -> Timestamp {
        let nanos = self.began.elapsed().as_nanos() as u64;
        Timestamp { mono: Mono(nanos), utc: Utc(nanos as i64) }
    }

    fn frames(&mut self, frames: &mut Vec<Frame>) {
        self.frames.borrow_mut().append(frames);
    }

    fn health(&mut self, health: &BusHealth, _: BusCounts) {
        self.states.borrow_mut().push(health.state);
    }
}

fn frame(id: u32, byte: u8) -> Frame {
    Frame::data(Timestamp::default(), BusId(2), CanId::standard(id).unwrap(), &[byte]).unwrap()
}

/// Serves one end of a pair while `act` does something at the other, and then stops.
fn with_pair(act: impl AsyncFnOnce(&Port, &tokio::net::UnixDatagram, &Ear)) -> (Port, Ear) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ear = Ear { frames: Rc::default(), states: Rc::default(), began: Instant::now() };
    let port = Port::new("no-such-interface", BusId(2), Filter::All, Rates::default());
    runtime.block_on(async {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let theirs = tokio::net::UnixDatagram::from_std(theirs).unwrap();
        let acts = async {
            act(&port, &theirs, &ear).await;
            port.stop();
        };
        let (served, ()) = tokio::join!(serve_on(port.clone(), ours.into(), ear.clone()), acts);
        served.unwrap();
    });
    (port, ear)
}

async fn until(mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("in ten seconds");
}

#[test]
fn frames_come_in_order_and_all_are_accounted_for() {
    let (port, ear) = with_pair(async |_, other, ear| {
        for at in 0..1_000_u32 {
            let mut bytes = [0; wire::LONGEST];
            other.send(wire::write(&frame(at % 0x700, at as u8), &mut bytes)).await.unwrap();
        }
        other.send(&[0; 15]).await.unwrap();
        until(|| ear.frames.borrow().len() == 1_000).await;
        // The last one is no frame, and is only counted.
        tokio::task::yield_now().await;
    });
    let bytes: Vec<u8> = ear.frames.borrow().iter().map(|frame| frame.bytes()[0]).collect();
    assert_eq!(bytes, (0..1_000).map(|at| at as u8).collect::<Vec<u8>>());
    assert!(ear.frames.borrow().is_sorted_by_key(|frame| frame.at.mono));
    let counts = port.watch.look().1;
    assert_eq!((counts.received, counts.malformed, counts.lost), (1_000, 1, 0));
}

#[test]
fn commands_leave_while_it_is_open_and_are_refused_after() {
    let (port, ear) = with_pair(async |port, other, ear| {
        until(|| !ear.states.borrow().is_empty()).await;
        assert!(port.pending.put(&frame(0x301, 7), Duration::from_secs(60)));
        let mut bytes = [0; wire::LONGEST];
        let len = other.recv(&mut bytes).await.unwrap();
        let got = wire::read(&bytes[..len], Timestamp::default(), BusId(2)).unwrap();
        assert_eq!((got.id.raw(), got.bytes()), (0x301, &[7][..]));
        until(|| port.watch.look().1.sent == 1).await;
    });
    assert!(!port.pending.put(&frame(0x301, 8), Duration::from_secs(60)));
    assert_eq!(*ear.states.borrow(), [BusState::Up, BusState::Absent]);
}

#[test]
fn error_frames_are_believed_where_the_kernel_knows_nothing() {
    let (_, ear) = with_pair(async |_, other, ear| {
        let error = |class, detail| {
            let kind = FrameKind::Error;
            Frame::of_kind(Timestamp::default(), BusId(2), CanId::Extended(class), kind, &[0, detail, 0, 0, 0, 0, 0, 0])
        };
        for (frame, state) in [
            (error(0x40, 0).unwrap(), BusState::BusOff),
            (frame(0x181, 1), BusState::Up),
            (error(4, 0x20).unwrap(), BusState::ErrorPassive),
        ] {
            let mut bytes = [0; wire::LONGEST];
            other.send(wire::write(&frame, &mut bytes)).await.unwrap();
            until(|| ear.states.borrow().last() == Some(&state)).await;
        }
    });
    let states = [BusState::Up, BusState::BusOff, BusState::Up, BusState::ErrorPassive, BusState::Absent];
    assert_eq!(*ear.states.borrow(), states);
}
