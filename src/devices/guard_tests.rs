use super::super::fixture::*;
use std::time::Duration;

use super::*;
use crate::can::BusId;
use crate::channels::Safe;
use crate::channels::codec::Signal;
use crate::model::{DeviceRequest, Level, Provenance, Publication, Quality, Value};

#[test]
fn start_sends_every_image_at_safe_and_says_so() {
    let mut bench = Bench::started(&site(false));
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b010], 1)]);
    assert_eq!(
        bench.updates()[0],
        "{device:exhaust,state:null,wanted:40.0,source:safe,reason:null,until:null,revision:null}"
    );
    assert_eq!(
        bench.updates()[2],
        "{device:valve,state:on,wanted:on,source:safe,reason:null,until:null,revision:null}"
    );
    assert_eq!(bench.updates().len(), 4);
    bench.step(1.0, GuardEvent::Start);
    assert_eq!(bench.out, []);
}

#[test]
fn a_bus_that_is_back_is_told_where_its_devices_belong() {
    let mut bench = Bench::new(&site(false));
    bench.step(0.0, GuardEvent::Connected(BusId(0)));
    assert_eq!(bench.out, [], "nothing before the start");
    let mut bench = Bench::started(&site(false));
    bench.ask(1.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
    bench.step(2.0, GuardEvent::Connected(BusId(0)));
    assert_eq!(bench.frames(), [(FAN, vec![120, 1], 2), (RELAYS, vec![0b010], 1)]);
    bench.step(3.0, GuardEvent::Connected(BusId(1)));
    assert_eq!(bench.frames(), [], "another bus");
    bench.step(4.0, GuardEvent::Stop);
    bench.step(5.0, GuardEvent::Connected(BusId(0)));
    assert_eq!(bench.frames(), [], "nothing after the stop");
}

#[test]
fn requests_before_the_start_gather_and_send_nothing() {
    let mut bench = Bench::new(&site(false));
    bench.ask(0.0, &rule("a"), 50, &ask("exhaust", Level::At(60.0)));
    assert_eq!(bench.out, []);
    bench.step(1.0, GuardEvent::Start);
    assert_eq!(bench.frames()[0], (FAN, vec![120, 1], 2));
}

#[test]
fn semantics_11_the_strongest_is_in_force_losers_take_over_and_none_left_is_safe() {
    let mut bench = Bench::started(&site(false));
    let (cool, dry) = (rule("cool"), rule("dry"));
    bench.ask(1.0, &cool, 50, &ask("exhaust", Level::At(60.0)));
    assert_eq!(bench.frames(), [(FAN, vec![120, 1], 2)]);
    bench.ask(2.0, &dry, 50, &ask("exhaust", Level::At(80.0)));
    assert_eq!(bench.frames(), [(FAN, vec![160, 1], 2)]);
    bench.ask(3.0, &cool, 50, &ask("exhaust", Level::At(70.0)));
    assert_eq!(bench.out, [], "a loser that changes its mind changes nothing");
    bench.step(4.0, GuardEvent::Release { requester: &dry, device: &key("exhaust") });
    assert_eq!(bench.frames(), [(FAN, vec![140, 1], 2)]);
    bench.step(5.0, GuardEvent::ReleaseAll { requester: &cool });
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2)]);
    assert_eq!(
        bench.updates(),
        ["{device:exhaust,state:null,wanted:40.0,source:safe,reason:null,until:null,revision:null}"]
    );
    assert_eq!((bench.guard.counts().accepted, bench.guard.counts().released), (3, 2));
}

#[test]
fn semantics_11_a_lease_ends_exactly_and_one_without_ends_with_its_release() {
    let mut bench = Bench::started(&site(false));
    let request = DeviceRequest { lease: Some(Duration::from_secs(3)), ..ask("pump", Level::On) };
    bench.ask(1.0, &rule("a"), 50, &request);
    assert_eq!(
        bench.updates(),
        ["{device:pump,state:on,wanted:on,source:rule a,reason:null,until:1004.0,revision:null}"]
    );
    assert_eq!(bench.guard.next_deadline(), Some(Mono(4_000_000_000)));
    bench.due(3.999_999_999);
    assert_eq!(bench.out, []);
    bench.due(4.0);
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 2)]);
    assert_eq!(bench.guard.counts().expired, 1);
    bench.ask(5.0, &rule("a"), 50, &ask("pump", Level::On));
    bench.due(1e9);
    assert_eq!(bench.guard.status()[1].source, "rule a");
}

#[test]
fn an_event_at_the_end_of_a_lease_finds_it_ended() {
    let mut bench = Bench::started(&site(false));
    let request = DeviceRequest { lease: Some(Duration::from_secs(3)), ..ask("pump", Level::On) };
    bench.ask(1.0, &rule("a"), 90, &request);
    bench.ask(4.0, &rule("b"), 50, &ask("pump", Level::Off));
    assert_eq!(bench.guard.status()[1].source, "rule b");
    assert_eq!((bench.guard.status()[1].requests.len(), bench.guard.counts().expired), (1, 1));
}

#[test]
fn devices_of_one_frame_keep_their_own_bits() {
    let mut bench = Bench::started(&site(false));
    bench.ask(1.0, &rule("a"), 50, &ask("heater", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b110], 2)]);
    bench.ask(2.0, &rule("a"), 50, &ask("valve", Level::Off));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b100], 1)], "the ttl is that of the device that changes");
    assert_eq!(bench.updates().len(), 1, "the neighbours have nothing to say");
    bench.step(3.0, GuardEvent::ReleaseAll { requester: &rule("a") });
    assert_eq!(bench.frames(), [(RELAYS, vec![0b010], 1)], "one frame for both");
}

#[test]
fn a_frame_waits_until_the_state_of_a_keeper_in_it_is_known() {
    let mut bench = Bench::started(&site(true));
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2)]);
    bench.ask(1.0, &rule("a"), 50, &ask("pump", Level::On));
    assert_eq!(bench.frames(), []);
    let why = bench.guard.status()[1].held_back.clone().unwrap();
    assert!(why.contains("Veg Room/lamp keeps its state, which is not known yet"), "{why}");
    bench.step(2.0, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":null}"#, false)));
    assert_eq!(bench.frames(), [], "a reading that is not good tells nothing");
    bench.step(3.0, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":"on"}"#, false)));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b1011], 1)]);
    assert_eq!(bench.guard.status()[1].held_back, None);
    bench.step(4.0, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":"off"}"#, false)));
    assert_eq!(bench.frames(), [(RELAYS, vec![0b0011], 2)], "switched by hand: it keeps that");
    bench.ask(5.0, &rule("a"), 50, &ask("lamp", Level::On));
    bench.step(6.0, GuardEvent::Release { requester: &rule("a"), device: &key("lamp") });
    assert_eq!(bench.frames(), [], "it keeps what it was told");
    bench.step(7.0, GuardEvent::Reading(&reading("lamp", r#"{"relay_3":"off"}"#, false)));
    assert_eq!(bench.frames(), [], "a feedback that lags behind the command does not undo it");
}

#[test]
fn a_keeper_of_its_own_frame_is_left_alone_and_told_again_when_asked() {
    let relays = frame("relays", 1, vec![bit("relay", 0)]);
    let mut lamp = device("lamp", RELAYS, &relays, 0, Safe::Keep);
    lamp.repeat = Some(Duration::from_secs(5));
    let mut bench = Bench::started(&ChannelMap { devices: vec![lamp], ..ChannelMap::default() });
    assert_eq!((bench.frames(), bench.guard.next_deadline()), (vec![], None));
    bench.ask(1.0, &rule("a"), 50, &ask("lamp", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![1], 2)]);
    assert_eq!(bench.guard.next_deadline(), Some(at(6.0).mono));
    bench.step(7.0, GuardEvent::Release { requester: &rule("a"), device: &key("lamp") });
    assert_eq!(bench.guard.next_deadline(), None);
    assert_eq!(
        bench.updates(),
        ["{device:lamp,state:on,wanted:null,source:safe,reason:null,until:null,revision:null}"]
    );
    bench.ask(8.0, &rule("a"), 50, &ask("lamp", Level::On));
    assert_eq!(bench.frames(), [(RELAYS, vec![1], 2)], "somebody may have switched it meanwhile");
}

#[test]
fn a_frame_is_repeated_while_running_at_safe_too() {
    let mut bench = Bench::started(&site(false));
    for second in [5.0, 10.0] {
        assert_eq!(bench.guard.next_deadline(), Some(at(second).mono));
        bench.due(second);
        assert_eq!((bench.frames(), bench.updates().len()), (vec![(FAN, vec![80, 1], 2)], 0));
    }
    bench.ask(12.0, &rule("a"), 50, &ask("exhaust", Level::At(50.0)));
    bench.due(15.0);
    assert_eq!(bench.out, [], "a change is as good as a repeat");
    bench.due(17.0);
    assert_eq!(bench.frames(), [(FAN, vec![100, 1], 2)]);
    bench.due(1000.0);
    assert_eq!(bench.frames().len(), 1, "what was missed is not made up for");
    assert_eq!((bench.guard.counts().sent, bench.guard.counts().repeated), (3, 4));
}

#[test]
fn stop_sends_safe_once_and_nothing_after() {
    let mut bench = Bench::started(&site(false));
    bench.ask(1.0, &rule("a"), 50, &ask("exhaust", Level::At(50.0)));
    bench.step(2.0, GuardEvent::Stop);
    assert_eq!(bench.frames(), [(FAN, vec![80, 1], 2), (RELAYS, vec![0b010], 1)]);
    assert_eq!(bench.updates().len(), 1);
    assert_eq!(bench.guard.next_deadline(), None);
    bench.ask(3.0, &rule("a"), 50, &ask("exhaust", Level::At(50.0)));
    assert_eq!((bench.frames(), bench.refusals()), (vec![], vec!["the engine is stopping: devices are at safe"]));
    bench.step(4.0, GuardEvent::Reading(&reading("exhaust", r#"{"speed":40.0,"rpm":800.0}"#, false)));
    bench.due(100.0);
    bench.step(101.0, GuardEvent::Stop);
    bench.step(102.0, GuardEvent::Start);
    assert_eq!(bench.out, []);
}

#[test]
fn each_reading_is_told_with_its_signals_and_silence_as_stale() {
    let mut bench = Bench::started(&site(false));
    bench.step(1.0, GuardEvent::Reading(&reading("exhaust", r#"{"speed":39.5,"rpm":812.0}"#, false)));
    let rest = "wanted:40.0,source:safe,reason:null,until:null,revision:null";
    assert_eq!(bench.updates(), [format!("{{device:exhaust,state:39.5,{rest},speed:39.5,rpm:812.0}}")]);
    let DeviceOut::Update(message) = &bench.out[0] else { panic!("{:?}", bench.out) };
    assert_eq!(
        (&*message.channel, message.broad.as_deref()),
        ("device:update:Veg Room:exhaust", Some("device:update"))
    );
    assert_eq!((message.provenance, message.stale), (Provenance::Guard, false));
    bench.ask(2.0, &rule("a"), 50, &DeviceRequest { reason: Some("hot".into()), ..ask("exhaust", Level::On) });
    assert_eq!(
        bench.updates(),
        ["{device:exhaust,state:39.5,wanted:100.0,source:rule a,reason:hot,until:null,revision:null}"]
    );
    bench.step(9.0, GuardEvent::Reading(&reading("exhaust", r#"{"speed":null,"rpm":null}"#, true)));
    let quality = "quality:{state:stale,speed:stale,rpm:stale}";
    assert!(bench.updates()[0].contains(quality) && bench.updates()[0].contains("state:null"), "{:?}", bench.updates());
    bench.ask(10.0, &rule("a"), 50, &ask("exhaust", Level::Off));
    assert!(bench.updates()[0].ends_with("quality:{state:stale}}"), "{:?}", bench.updates());
    let DeviceOut::Update(message) = &bench.out[1] else { panic!("{:?}", bench.out) };
    assert!(message.stale, "a change of mind is no sign of life");
    assert_eq!(bench.guard.status()[0].quality, Some(Quality::Stale.to_string()));
}

#[test]
fn a_reading_that_is_held_back_is_heard_and_told_late_without_being_heard_again() {
    let mut bench = Bench::started(&site(false));
    bench.updates();
    bench.out.clear();
    let state = |bench: &Bench| bench.guard.status()[0].state.clone();
    let mut first = reading("exhaust", r#"{"speed":50.0}"#, false);
    first.publication = Publication::HeldBack;
    bench.step(1.0, GuardEvent::Reading(&first));
    assert_eq!((bench.out.len(), state(&bench)), (0, Value::Number(50.0)));
    bench.step(2.0, GuardEvent::Reading(&reading("exhaust", r#"{"speed":60.0}"#, false)));
    bench.out.clear();
    first.publication = Publication::Late;
    bench.step(3.0, GuardEvent::Reading(&first));
    assert_eq!((bench.out.len(), state(&bench)), (1, Value::Number(60.0)), "the newest is what it is");
}

#[test]
fn a_client_sets_and_releases() {
    let mut bench = Bench::started(&site(false));
    bench.ask(0.5, &rule("a"), 69, &ask("exhaust", Level::On));
    bench.command(1.0, "exhaust", r#"{"set":60,"for":"10m","reason":"smoke test","id":"x"}"#);
    let wanted = "wanted:60.0,source:device:command,reason:smoke test,until:1601.0,revision:null";
    assert_eq!(bench.updates(), [format!("{{device:exhaust,state:null,{wanted}}}")]);
    bench.command(2.0, "exhaust", r#"{"set":"off"}"#);
    assert_eq!(bench.frames(), [(FAN, vec![0, 1], 2)]);
    assert_eq!(bench.guard.status()[0].until, Some(1902.0), "without `for`, the device's own lease");
    bench.command(3.0, "exhaust", r#"{"release":true}"#);
    assert_eq!(bench.guard.status()[0].source, "rule a");
    for (set, byte) in [("true", 0b011), (r#""off""#, 0b010), ("1", 0b011), ("false", 0b010), (r#""on""#, 0b011)] {
        bench.command(4.0, "pump", &format!("{{\"set\":{set}}}"));
        assert_eq!(bench.frames(), [(RELAYS, vec![byte], 2)], "{set}");
    }
}

#[test]
fn what_is_refused_is_counted_by_reason_and_changes_nothing() {
    let mut bench = Bench::started(&site(false));
    bench.command(1.0, "pump", r#"{"set":"on"}"#);
    for (device, json, part) in [
        ("pumpe", r#"{"set":"on"}"#, "did you mean 'Veg Room/pump'?"),
        ("pump", r#"{"set":"on","For":"1m"}"#, "did you mean 'for'?"),
        ("pump", "{}", "needs set or release"),
        ("pump", r#"{"set":null}"#, "a number, on or off"),
        ("pump", r#"{"set":"on","release":true}"#, "either"),
        ("pump", r#"{"release":false}"#, "true or left out"),
        ("pump", r#"{"set":"on","for":10}"#, "\"10s\""),
        ("pump", r#"{"set":"on","for":"10"}"#, "its unit is missing"),
        ("pump", r#"{"set":"on","for":"0s"}"#, "release"),
        ("pump", r#"{"set":"on","reason":5}"#, "reason is a text"),
        ("pump", r#"{"set":"onn"}"#, "off, on"),
        ("pump", r#"{"set":60}"#, "relay_0 cannot be 60: it takes off, on"),
        ("exhaust", r#"{"set":"60"}"#, "without quotes"),
    ] {
        bench.command(2.0, device, json);
        assert_eq!(bench.out.len(), 1, "{json}: {:?}", bench.out);
        assert!(bench.refusals()[0].contains(part), "{json}: {:?}", bench.refusals());
    }
    bench.ask(3.0, &Requester::Client, 70, &ask("exhaust", Level::At(f64::NAN)));
    let (counts, status) = (bench.guard.counts(), bench.guard.status());
    assert_eq!((status[1].wanted.clone(), status[1].requests.len()), (Value::text("on"), 1));
    assert_eq!((counts.unknown_device, counts.malformed, counts.not_possible), (1, 11, 2));
    assert_eq!((counts.received, counts.accepted), (15, 1));
    assert_eq!(counts.received, counts.accepted + counts.refused());
}

#[test]
fn a_level_outside_the_range_is_clamped_and_says_so() {
    let mut bench = Bench::started(&site(false));
    bench.ask(1.0, &rule("a"), 50, &DeviceRequest { reason: Some("hot".into()), ..ask("exhaust", Level::At(130.0)) });
    assert_eq!(bench.frames(), [(FAN, vec![200, 1], 2)]);
    assert!(bench.updates()[0].contains("reason:hot (130 is limited to 100)"), "{:?}", bench.updates());
    bench.ask(2.0, &rule("a"), 50, &ask("exhaust", Level::At(-3.0)));
    assert!(bench.updates()[0].contains("wanted:0.0"), "{:?}", bench.updates());
    assert_eq!(bench.guard.counts().clamped, 2);
}

#[test]
fn on_and_off_are_what_the_signals_own_words_say() {
    let off_on = |signal: Signal| {
        let map = ChannelMap {
            devices: vec![device("x", RELAYS, &frame("f", 1, vec![signal]), 0, Safe::Keep)],
            ..ChannelMap::default()
        };
        let mut bench = Bench::started(&map);
        [Level::Off, Level::On, Level::At(0.0), Level::At(1.0)].map(|level| {
            bench.ask(1.0, &rule("a"), 50, &ask("x", level));
            let shown = bench.guard.status()[0].wanted.to_string();
            if bench.refusals().is_empty() { shown } else { "refused".to_owned() }
        })
    };
    let named = |values: &[(u64, &str)]| Signal {
        values: values.iter().map(|(raw, name)| (*raw, Name::from(*name))).collect(),
        ..bit("x", 0)
    };
    assert_eq!(off_on(named(&[(0, "closed"), (1, "open")])), ["closed", "open", "closed", "open"]);
    assert_eq!(off_on(named(&[(0, "open"), (1, "closed")])), ["closed", "open", "closed", "open"]);
    assert_eq!(off_on(named(&[(0, "on"), (1, "off")])), ["off", "on", "off", "on"]);
    assert_eq!(off_on(named(&[(0, "vent"), (1, "heat")])), ["vent", "heat", "vent", "heat"]);
    assert_eq!(off_on(named(&[(0, "open"), (1, "shut")])), ["shut", "open", "shut", "open"]);
    assert_eq!(off_on(named(&[])), ["0", "1", "0", "1"]);
    let speeds = |range| {
        let values = vec![(0, "stop".into()), (1, "slow".into()), (2, "fast".into())];
        Signal { range, values, layout: "0|8@1+".parse().unwrap(), ..bit("x", 0) }
    };
    assert_eq!(off_on(speeds(None)), ["stop", "refused", "stop", "slow"]);
    assert_eq!(off_on(speeds(Some((0.0, 2.0)))), ["stop", "fast", "stop", "slow"]);
    let warm = Signal { range: Some((5.0, 30.0)), ..byte("x", 0) };
    assert_eq!(off_on(warm), ["5", "30", "5", "5"], "as far off as it goes");
    let plain = Signal { range: None, ..byte("x", 0) };
    assert_eq!(off_on(plain), ["0", "refused", "0", "1"]);
}
