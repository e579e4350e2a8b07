use super::super::super::fixture::*;
use crate::can::CanId;
use std::time::Duration;

use super::super::GuardEvent;
use crate::channels::codec::Signal;
use crate::channels::{ChannelMap, Device, Safe};
use crate::model::{DeviceRequest, Level, Value};

const OTHER: CanId = CanId::Standard(0x311);

fn reload(bench: &mut Bench, seconds: f64, map: &ChannelMap) {
    bench.out.clear();
    bench.guard.reload(at(seconds), map, &mut bench.out);
}

/// A bench on which the fan is asked to 60 and the pump on, and a map to change.
fn asked() -> (Bench, ChannelMap) {
    let map = site(false);
    let mut bench = Bench::started(&map);
    bench.ask(1.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
    bench.ask(1.0, &rule("a"), 50, &ask("pump", Level::On));
    (bench, map)
}

#[test]
fn the_same_map_is_not_noticed() {
    let (mut bench, map) = asked();
    reload(&mut bench, 2.0, &map);
    assert!(bench.out.is_empty(), "{:?}", bench.out);
    bench.due(6.0);
    assert_eq!(bench.frames(), [(FAN, vec![120, 1], 2)], "the repeat goes on at its pace");
    assert_eq!(bench.guard.status()[1].wanted, "on".into());
}

#[test]
fn a_device_that_is_gone_is_sent_to_safe_once_and_the_others_stay() {
    let (mut bench, mut map) = asked();
    map.devices.retain(|device| &*device.key.device != "exhaust");
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2)]);
    bench.due(60.0);
    assert!(bench.out.is_empty(), "{:?}", bench.out);
}

#[test]
fn a_device_that_is_away_for_one_map_still_has_its_requests() {
    let (mut bench, map) = asked();
    bench.command(1.0, "exhaust", r#"{"set": 80, "for": "5s"}"#);
    let told = |bench: &mut Bench, seconds| {
        reload(bench, seconds, &map);
        bench.frames().into_iter().filter(|(id, ..)| *id == FAN).map(|(_, bytes, _)| bytes[0] / 2).collect::<Vec<_>>()
    };
    reload(&mut bench, 2.0, &without(&map, "exhaust"));
    assert_eq!(told(&mut bench, 3.0), [80]);
    reload(&mut bench, 4.0, &without(&map, "exhaust"));
    bench.due(6.0);
    assert_eq!(bench.guard.counts().expired, 1, "a lease ends while the device is away");
    assert_eq!(told(&mut bench, 7.0), [60]);
    reload(&mut bench, 8.0, &without(&map, "exhaust"));
    bench.step(9.0, GuardEvent::Release { requester: &rule("a"), device: &key("exhaust") });
    assert_eq!(told(&mut bench, 10.0), [40], "nobody asks any more");
    let counts = bench.guard.counts();
    assert_eq!((counts.accepted, counts.released, counts.expired), (3, 1, 1));
}

#[test]
fn a_device_at_another_address_is_let_go_at_the_old_one_and_asked_at_the_new() {
    let (mut bench, mut map) = asked();
    let pump = map.devices.iter_mut().find(|device| &*device.key.device == "pump").unwrap();
    pump.command.id = OTHER;
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(OTHER, vec![0b001], 2), (RELAYS, vec![0b010], 1)]);
}

#[test]
fn another_safe_state_goes_out_at_once() {
    let (mut bench, mut map) = asked();
    let heater = map.devices.iter_mut().find(|device| &*device.key.device == "heater").unwrap();
    heater.safe = Safe::At(Level::On);
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 2)]);
    assert_eq!(bench.updates().len(), 1, "{:?}", bench.updates());
}

#[test]
fn of_what_happens_while_it_holds_only_the_net_effect_goes_out() {
    let (mut bench, _) = asked();
    assert!(bench.guard.hold(at(3.0), &mut bench.out) && !bench.guard.hold(at(3.0), &mut bench.out));
    bench.step(3.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    bench.ask(3.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
    assert!(bench.out.is_empty(), "{:?}", bench.out);
    bench.guard.release_held(at(3.0), &mut bench.out);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2)]);
    assert_eq!(bench.updates().len(), 1, "{:?}", bench.updates());
}

#[test]
fn a_device_that_leaves_a_shared_frame_rests_there_and_its_neighbours_see_the_net_effect() {
    let (mut bench, mut map) = asked();
    map.devices.retain(|device| &*device.key.device != "valve");
    bench.out.clear();
    bench.guard.hold(at(2.0), &mut bench.out);
    bench.step(2.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    bench.guard.reload(at(2.0), &map, &mut bench.out);
    bench.ask(2.0, &rule("a"), 50, &ask("pump", Level::On));
    assert_eq!(bench.frames(), [], "nothing before all has been asked");
    bench.guard.release_held(at(2.0), &mut bench.out);
    // The valve's safe state is on, in every frame from now on; the pump has never been off.
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b011], 2)]);
    bench.ask(3.0, &rule("b"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 2)]);
    bench.ask(3.0, &rule("b"), 50, &ask("valve", Level::Off));
    assert_eq!((bench.refusals().len(), bench.guard.status().len()), (1, 3));
    for second in 4..9 {
        reload(&mut bench, f64::from(second), &map);
        assert!(bench.out.is_empty(), "{:?}", bench.out);
    }
    assert_eq!(bench.guard.devices.len(), 4, "it does not come twice");
    reload(&mut bench, 9.0, &site(false));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b111], 1)], "it is back, and where it was");
}

#[test]
fn a_request_that_the_new_command_cannot_say_ends_and_holds_nothing_back() {
    let (mut bench, mut map) = asked();
    let relay = map.devices.iter().find(|device| &*device.key.device == "valve").unwrap().command.clone();
    map.devices.retain(|device| &*device.key.device != "valve");
    let exhaust = map.devices.iter_mut().find(|device| &*device.key.device == "exhaust").unwrap();
    (exhaust.command, exhaust.safe, exhaust.repeat) = (relay, Safe::At(Level::Off), None);
    reload(&mut bench, 2.0, &map);
    bench.ask(3.0, &rule("b"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b101], 2)]);
    assert_eq!(bench.guard.counts().released, 1);
}

fn named<'a>(map: &'a mut ChannelMap, name: &str) -> &'a mut Device {
    map.devices.iter_mut().find(|device| &*device.key.device == name).unwrap()
}

fn without(map: &ChannelMap, name: &str) -> ChannelMap {
    let mut map = map.clone();
    map.devices.retain(|device| &*device.key.device != name);
    map
}

fn renamed(map: &ChannelMap, name: &str, to: &str) -> ChannelMap {
    let mut map = map.clone();
    let device = named(&mut map, name);
    (device.key, device.channel) = (key(to), format!("device:update:Veg Room:{to}").into());
    map
}

/// A site whose lamp keeps its state and has no feedback; the lamp was told `on` and let go, the heater is asked on.
fn kept() -> (Bench, ChannelMap) {
    let mut map = site(true);
    named(&mut map, "lamp").feedback = None;
    let mut bench = Bench::started(&map);
    bench.ask(1.0, &rule("a"), 50, &ask("lamp", Level::On));
    bench.step(1.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    bench.ask(1.0, &rule("a"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1110], 2)]);
    (bench, map)
}

#[test]
fn a_keeper_that_returns_or_is_renamed_is_as_its_bits_were_and_holds_nobody_back() {
    for way in ["returns", "is renamed", "is renamed while it is asked", "returns under another name"] {
        let (mut bench, map) = kept();
        if way == "is renamed while it is asked" {
            bench.ask(1.5, &rule("b"), 50, &ask("lamp", Level::On));
        }
        if way.starts_with("returns") {
            reload(&mut bench, 2.0, &without(&map, "lamp"));
            assert_eq!(bench.frames(), [(RELAYS, vec![0b1110], 1)], "{way}: its bit stays");
        }
        let back = if way == "returns" { map } else { renamed(&map, "lamp", "light") };
        reload(&mut bench, 3.0, &back);
        assert_eq!(bench.frames(), [(RELAYS, vec![0b1110], 1)], "{way}");
        bench.step(4.0, GuardEvent::ReleaseAll { requester: &rule("a") });
        assert_eq!(bench.frames(), [(RELAYS, vec![0b1010], 2)], "{way}");
        bench.step(4.5, GuardEvent::Stop);
        assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b1010], 1)], "{way}");
    }
}

#[test]
fn a_keeper_that_nobody_knows_does_not_hold_a_frame_back_that_has_been_sent() {
    let (mut bench, map) = asked();
    bench.ask(1.0, &rule("a"), 50, &ask("heater", Level::On));
    reload(&mut bench, 2.0, &site(true));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b0111], 2)]);
    bench.step(3.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b0010], 2)]);
    bench.step(4.0, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":"on"}"#, false)));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1010], 2)], "its own word counts more than what was sent");
    reload(&mut bench, 5.0, &map);
    reload(&mut bench, 6.0, &site(true));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1010], 1)]);
}

#[test]
fn at_the_last_word_neighbours_go_to_safe_though_a_keeper_has_never_been_known() {
    let mut bench = Bench::started(&site(true));
    bench.ask(1.0, &rule("a"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [], "it waits while it may");
    bench.step(2.0, GuardEvent::Stop);
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b0010], 1)]);
    let mut bench = Bench::started(&site(true));
    let mut map = site(true);
    map.devices.truncate(1);
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b0010], 1)], "a frame that leaves the map has its last word too");
    map.devices = vec![named(&mut site(true), "lamp").clone()];
    let mut bench = Bench::started(&map);
    bench.step(2.0, GuardEvent::Stop);
    assert_eq!(bench.frames(), [], "alone in its frame it is left alone");
}

#[test]
fn a_device_that_keeps_its_state_from_now_on_stays_where_it_rests() {
    let (mut bench, mut map) = asked();
    bench.step(2.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    named(&mut map, "pump").safe = Safe::Keep;
    reload(&mut bench, 3.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 1)], "not on, though that is what it was asked last");
}

#[test]
fn a_keeper_keeps_its_bits_and_not_their_old_meaning() {
    let (mut bench, map) = kept();
    let mut swapped = map.clone();
    for device in &mut swapped.devices[1..] {
        let mut signals = device.command.frame.signals.clone();
        signals[3] = Signal { values: states("on", "off"), ..signals[3].clone() };
        device.command.frame = frame("relays", 1, signals);
    }
    reload(&mut bench, 2.0, &swapped);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1110], 1)]);
    assert_eq!(bench.guard.status()[4].state, "off".into());
}

#[test]
fn an_edit_of_what_a_device_says_leaves_nothing_behind() {
    let (mut bench, mut map) = asked();
    for n in 0..3 {
        let exhaust = named(&mut map, "exhaust");
        let mut signals = exhaust.command.frame.signals.clone();
        signals[0].range = Some((0.0, 90.0 - f64::from(n)));
        exhaust.command.frame = frame("fan", 2, signals);
        exhaust.command.with.clear();
        reload(&mut bench, 2.0, &map);
        assert_eq!(bench.frames(), [(FAN, vec![120, 0], 2)], "what went along goes along no more");
        assert_eq!(bench.guard.devices.len(), 4);
    }
}

#[test]
fn what_goes_along_with_a_device_that_is_there_beats_one_that_has_left() {
    let (mut bench, mut map) = asked();
    map = without(&map, "valve");
    reload(&mut bench, 2.0, &map);
    assert_eq!((bench.frames(), bench.guard.devices.len()), (vec![(RELAYS, vec![0b011], 2)], 4));
    named(&mut map, "heater").command.with = vec![(1, Value::text("off"))];
    reload(&mut bench, 3.0, &map);
    assert_eq!((bench.frames(), bench.guard.devices.len()), (vec![(RELAYS, vec![0b001], 2)], 3));
    bench.ask(4.0, &rule("b"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b101], 2)]);
    // What went along with one that has left lies under what goes along with the others, and under those who left too.
    map = without(&map, "heater");
    let pump = named(&mut map, "pump");
    pump.command.with = vec![(1, Value::text("on"))];
    reload(&mut bench, 5.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b011], 2)]);
    map.devices.push(named(&mut site(false), "valve").clone());
    named(&mut map, "pump").command.with.clear();
    reload(&mut bench, 6.0, &map);
    reload(&mut bench, 7.0, &without(&map, "valve"));
    bench.ask(8.0, &rule("b"), 50, &ask("pump", Level::Off));
    bench.step(9.0, GuardEvent::Stop);
    assert_eq!(bench.frames()[1..], [(RELAYS, vec![0b010], 2)], "the valve rests on");
}

#[test]
fn length_pace_and_haste_of_a_frame_are_those_of_the_devices_that_are_there() {
    let mut map = site(false);
    let wide = frame("relays", 2, vec![bit("relay_0", 0), bit("relay_1", 1), byte("level", 1)]);
    for device in &mut map.devices[1..3] {
        device.command.frame = wide.clone();
    }
    map.devices[3] = device("dimmer", RELAYS, &wide, 2, Safe::At(Level::At(50.0)));
    map.devices[3].repeat = Some(Duration::from_secs(3));
    map.devices[3].ttl = Duration::from_millis(1);
    map.devices.remove(0);
    let mut bench = Bench::started(&map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b10, 100], 0)]);
    map = without(&map, "dimmer");
    reload(&mut bench, 1.0, &map);
    assert_eq!((bench.frames(), bench.guard.next_deadline()), (vec![(RELAYS, vec![0b10, 100], 1)], None));
    let narrow = frame("relays", 1, wide.signals[..2].to_vec());
    map.devices.iter_mut().for_each(|device| device.command.frame = narrow.clone());
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b10], 1)]);
}

#[test]
fn what_another_feedback_said_is_not_what_this_one_says() {
    let heard = |edit: fn(&mut Device)| {
        let (mut bench, mut map) = asked();
        bench.step(1.5, GuardEvent::Reading(&reading("exhaust", r#"{"speed":60.0}"#, false)));
        edit(named(&mut map, "exhaust"));
        reload(&mut bench, 2.0, &map);
        bench.guard.status()[0].state.clone()
    };
    assert_eq!(heard(|_| {}), 60.0.into());
    assert_eq!(heard(|exhaust| exhaust.feedback.as_mut().unwrap().tolerance = 5.0), 60.0.into());
    assert_eq!(heard(|exhaust| exhaust.feedback.as_mut().unwrap().id = CanId::Standard(0x399)), Value::Null);
    let moved =
        |exhaust: &mut Device| *exhaust = with_feedback(exhaust.clone(), &frame("s", 4, vec![byte("speed", 2)]), 0);
    assert_eq!(heard(moved), Value::Null);
    let scaled = |exhaust: &mut Device| {
        let speed = byte("speed", 0).scaled(0.25, 0.0);
        *exhaust = with_feedback(exhaust.clone(), &frame("s", 4, vec![speed]), 0);
    };
    assert_eq!(heard(scaled), Value::Null, "these bits have not been read so");
}

#[test]
fn the_account_of_requests_is_true_when_devices_leave_and_are_renamed() {
    let (mut bench, map) = asked();
    bench.ask(1.0, &rule("b"), 50, &ask("pump", Level::On));
    reload(&mut bench, 2.0, &renamed(&map, "pump", "feeder"));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2)], "nobody has asked for the feeder");
    reload(&mut bench, 3.0, &without(&map, "exhaust"));
    assert_eq!((bench.guard.counts().accepted, bench.guard.counts().released), (3, 0), "they may come back");
    bench.step(3.5, GuardEvent::ReleaseAll { requester: &rule("b") });
    assert_eq!(bench.guard.counts().released, 1);
    bench.step(4.0, GuardEvent::Stop);
    assert_eq!(bench.guard.counts().released, 3);
}

#[test]
fn set_and_released_at_one_moment_is_nothing_to_a_keeper() {
    let mut bench = Bench::started(&site(true));
    bench.step(0.5, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":"off"}"#, false)));
    bench.guard.hold(at(1.0), &mut bench.out);
    bench.ask(1.0, &rule("a"), 50, &ask("lamp", Level::On));
    bench.step(1.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    bench.guard.release_held(at(1.0), &mut bench.out);
    assert!(bench.out.is_empty(), "{:?}", bench.out);
}

#[test]
fn what_is_due_when_a_moment_begins_happens_before_it() {
    let mut bench = Bench::started(&site(false));
    let request = DeviceRequest { lease: Some(Duration::from_secs(4)), ..ask("pump", Level::On) };
    bench.ask(1.0, &rule("a"), 50, &request);
    bench.out.clear();
    bench.guard.hold(at(5.0), &mut bench.out);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2), (FAN, vec![80, 1], 2)]);
    bench.ask(5.0, &rule("b"), 50, &ask("exhaust", Level::At(60.0)));
    assert_eq!(bench.frames(), []);
    bench.guard.release_held(at(5.0), &mut bench.out);
    assert_eq!(bench.frames(), [(FAN, vec![120, 1], 2)]);
}

#[test]
fn a_keeper_takes_its_state_to_another_address_unless_its_bits_there_have_been_told_theirs() {
    let (mut bench, mut map) = kept();
    map.devices[1..].iter_mut().for_each(|device| device.command.id = OTHER);
    reload(&mut bench, 2.0, &map);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1010], 2), (OTHER, vec![0b1110], 1)]);
    let (mut bench, mut map) = kept();
    named(&mut map, "pump").command.id = OTHER;
    reload(&mut bench, 2.0, &map);
    named(&mut map, "lamp").command.id = OTHER;
    reload(&mut bench, 3.0, &map);
    assert_eq!(bench.frames(), [(OTHER, vec![0b0000], 2), (RELAYS, vec![0b1110], 1)]);
}

#[test]
fn feedback_that_is_silent_stays_so_wherever_it_is_read_until_it_speaks() {
    let (mut bench, mut map) = asked();
    let silent = reading("exhaust", r#"{"speed":null}"#, true);
    bench.step(2.0, GuardEvent::Reading(&silent));
    named(&mut map, "exhaust").feedback.as_mut().unwrap().id = OTHER;
    reload(&mut bench, 3.0, &map);
    let exhaust = bench.guard.devices.iter().find(|device| &*device.spec.key.device == "exhaust").unwrap();
    assert!(exhaust.stale && exhaust.state().1.is_some(), "the Gateway does not say it again");
}
