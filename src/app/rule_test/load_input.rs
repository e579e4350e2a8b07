//! What comes in, checked against the channel map: `input` and `events`.

use std::time::Duration;

use crate::can::{Frame, parse_line};
use crate::channels::codec::When;
use crate::channels::{Device, NodeFrame};
use crate::files::{Place, Spanned};
use crate::model::{DeviceKey, Fields, Name, SourceKind, Timestamp, Value, parse_duration};

use super::input::{Carried, Column, Frames, Input, Probe, Says};
use super::load::Loading;
use super::moment::Set;
use super::series::Series;
use super::spec::{EventSpec, InputSpec};
use super::test::Happening;

/// Between the values of what has no cycle.
const SECOND: Duration = Duration::from_secs(1);

/// As it is written in a series.
fn plain(value: &Value) -> String {
    if value.is_null() { "null".to_owned() } else { value.to_string() }
}

/// A part of a frame: which frame, its multiplexers by position with the raw values that choose it, what is written in it.
type Part = (usize, Vec<(usize, u64)>, Vec<Column>);

/// Puts a signal that needs no multiplexer to every part of its frame.
fn add_to_all(parts: &mut Vec<Part>, frame: usize, column: Column) {
    if !parts.iter().any(|(of, ..)| *of == frame) {
        parts.push((frame, Vec::new(), Vec::new()));
    }
    let own = parts.iter_mut().filter(|(of, ..)| *of == frame);
    own.for_each(|(.., columns)| columns.push(column.clone()));
}

/// Puts a signal to the first part of its frame that can have it: with each multiplexer at a value that the signal has.
fn add(parts: &mut Vec<Part>, frame: usize, when: &[When], column: Column) {
    let fits = |chosen: &[(usize, u64)]| {
        when.iter().all(|when| chosen.iter().all(|(at, raw)| *at != when.multiplexer || when.has(*raw)))
    };
    let at = parts.iter().position(|(of, chosen, _)| *of == frame && fits(chosen)).unwrap_or_else(|| {
        parts.push((frame, Vec::new(), Vec::new()));
        parts.len() - 1
    });
    let (_, chosen, columns) = &mut parts[at];
    for when in when {
        if !chosen.iter().any(|(at, _)| *at == when.multiplexer) {
            chosen.extend(when.each().next().map(|raw| (when.multiplexer, raw)));
        }
    }
    columns.push(column);
}

impl<'a> Loading<'a> {
    pub(super) fn input(&mut self, spec: &Spanned<InputSpec>, every: Option<Duration>) -> Vec<Input> {
        let every = spec.every.as_ref().map_or(every, |own| self.period(own));
        match (&spec.node, &spec.device, &spec.channel) {
            (Some(node), None, None) => self.node(node, spec, every),
            (None, Some(device), None) => self.feedback(device, spec, every),
            (None, None, Some(channel)) => self.channel(channel, spec, every).into_iter().collect(),
            _ => {
                let message = "an input has exactly one of `node`, `device` and `channel`";
                self.report.error(self.file, spec.place, message);
                Vec::new()
            }
        }
    }

    /// Two inputs for one frame would contradict each other.
    pub(super) fn distinct(&mut self, inputs: &[Input]) {
        for (at, input) in inputs.iter().enumerate() {
            let Some(twin) = inputs[..at].iter().find(|twin| twin.says.collides(&input.says)) else { continue };
            let message = match twin.speaker == input.speaker {
                true => format!("{} has two inputs", input.speaker),
                false => format!("{} and {} tell of themselves in the same frame", twin.speaker, input.speaker),
            };
            self.report.error(self.file, input.place, message).help("write one of them as events: `frame: …`");
        }
    }

    /// A node's values, one input for each of its frames that has one of the fields, and of a multiplexed frame for each
    /// of its parts.
    fn node(&mut self, node: &Spanned<String>, spec: &InputSpec, every: Option<Duration>) -> Vec<Input> {
        let map = self.bench.map;
        let frames: Vec<&NodeFrame> = map.nodes.iter().filter(|frame| *frame.source.name == *node.value).collect();
        if frames.is_empty() {
            self.unknown_node(node);
            return Vec::new();
        }
        self.cast.nodes.insert(Name::from(node.as_str()));
        let (mut parts, mut plain) = (Vec::new(), Vec::new());
        for (field, text) in &spec.values {
            let find = |frame: &&NodeFrame| frame.fields.iter().position(|known| *known.name == *field.value);
            let found = frames.iter().enumerate().find_map(|(at, frame)| Some((at, find(frame)?)));
            let Some((at, position)) = found.filter(|(at, position)| frames[*at].fields[*position].published) else {
                self.unknown_field(field, found.is_some(), node, &frames);
                continue;
            };
            let known = &frames[at].fields[position];
            let (signal, adjust) = (known.signal, known.adjust.unwrap_or((1.0, 0.0)));
            if let Some(series) = self.carried(text, &Probe::of_node(frames[at], position)) {
                let column = Column { signal, adjust, series };
                match known.when.as_slice() {
                    [] => plain.push((at, column)),
                    when => add(&mut parts, at, when, column),
                }
            }
        }
        plain.into_iter().for_each(|(at, column)| add_to_all(&mut parts, at, column));
        parts.sort_by_key(|(at, ..)| *at);
        let inputs = parts.into_iter().map(|(at, chosen, columns)| {
            let (frame, cycle) = (frames[at], frames[at].frame.cycle);
            let frames = Frames { bus: frame.bus, id: frame.id, layout: frame.frame.clone(), chosen, cycle, columns };
            let every = every.or(cycle).unwrap_or(SECOND);
            Input { speaker: frame.source.name.clone(), place: node.place, every, says: Says::Frames(frames) }
        });
        inputs.collect()
    }

    fn unknown_node(&mut self, node: &Spanned<String>) {
        let message = format!("the map has no node `{}`", node.value);
        let names = self.bench.map.nodes.iter().map(|frame| &*frame.source.name);
        self.report.error(self.file, node.place, message).did_you_mean(node, names);
    }

    fn unknown_field(&mut self, field: &Spanned<String>, hidden: bool, node: &str, frames: &[&NodeFrame]) {
        if hidden {
            let message = format!("`{}` is never published: no rule sees it", field.value);
            self.report.error(self.file, field.place, message).help("leave it out");
            return;
        }
        let fields = frames.iter().flat_map(|frame| &frame.fields).filter(|known| known.published);
        let message = format!("{node} sends no `{}`", field.value);
        self.report.error(self.file, field.place, message).did_you_mean(field, fields.map(|known| &*known.name));
    }

    /// A device's feedback.
    fn feedback(&mut self, name: &Spanned<String>, spec: &InputSpec, every: Option<Duration>) -> Vec<Input> {
        let Some(device) = self.device(name) else { return Vec::new() };
        let Some(feedback) = &device.feedback else {
            let message = format!("{} has no feedback in the map: it is what it was told to be", device.key);
            self.report.error(self.file, name.place, message).help("leave this input out");
            return Vec::new();
        };
        self.cast.devices.insert(device.key.clone());
        let mut columns = Vec::new();
        for (field, text) in &spec.values {
            let shown = |at: &&usize| *feedback.frame.signals[**at].name == *field.value;
            match feedback.shown.iter().find(shown) {
                Some(signal) => {
                    let series = self.carried(text, &Probe::of_feedback(feedback, *signal));
                    columns.extend(series.map(|series| Column { signal: *signal, adjust: (1.0, 0.0), series }));
                }
                None => {
                    let names = feedback.shown.iter().map(|at| &*feedback.frame.signals[*at].name);
                    let message = format!("the feedback of {} has no `{}`", device.key, field.value);
                    self.report.error(self.file, field.place, message).did_you_mean(field, names);
                }
            }
        }
        let cycle = feedback.frame.cycle;
        let whens = columns.iter().flat_map(|column: &Column| &feedback.frame.signals[column.signal].when);
        let chosen = whens.filter_map(|when| Some((when.multiplexer, when.each().next()?))).collect();
        let says =
            Frames { bus: feedback.bus, id: feedback.id, layout: feedback.frame.clone(), chosen, cycle, columns };
        let (speaker, every) = (Name::from(name.as_str()), every.or(cycle).unwrap_or(SECOND));
        vec![Input { speaker, place: name.place, every, says: Says::Frames(says) }]
    }

    /// A device of the map, as `room/device`.
    pub(super) fn device(&mut self, name: &Spanned<String>) -> Option<&'a Device> {
        let devices = &self.bench.map.devices;
        let found = devices.iter().find(|device| device.key.to_string() == name.value);
        if found.is_none() {
            let names: Vec<String> = devices.iter().map(|device| device.key.to_string()).collect();
            let message = format!("the map has no device `{}`", name.value);
            self.report.error(self.file, name.place, message).did_you_mean(name, names.iter().map(String::as_str));
        }
        found
    }

    fn channel(&mut self, channel: &Spanned<String>, spec: &InputSpec, every: Option<Duration>) -> Option<Input> {
        let mut columns = Vec::new();
        for (field, text) in &spec.values {
            columns.push((Name::from(field.as_str()), self.series(text)?));
        }
        let (place, channel) = (channel.place, Name::from(channel.as_str()));
        let says = Says::Messages { channel: channel.clone(), columns };
        Some(Input { speaker: channel, place, every: every.unwrap_or(SECOND), says })
    }

    fn series(&mut self, text: &Spanned<Option<String>>) -> Option<Series> {
        let series = Series::parse(text.value.as_deref().unwrap_or("null"))
            .map_err(|(item, why)| format!("`{item}` cannot be read: {why}"));
        self.right(text.place, series)
    }

    /// A series whose values the signal can carry.
    fn carried(&mut self, text: &Spanned<Option<String>>, probe: &Probe) -> Option<Series> {
        let series = self.series(text)?;
        let fate = |value: &Value| match probe.carry(value) {
            Carried::Exactly => None,
            other => Some((value.clone(), other)),
        };
        let mut rounded = None;
        for (value, fate) in series.values().filter_map(fate) {
            match fate {
                Carried::Refused(why) => {
                    let message = format!("`{}` cannot be sent: {why}", plain(&value));
                    self.report
                        .error(self.file, text.place, message)
                        .help("a frame with any bits is an event: `frame: …`");
                    return None;
                }
                Carried::As(number) => rounded = rounded.or(Some((value, number))),
                Carried::Exactly => {}
            }
        }
        if let Some((value, number)) = rounded {
            let (name, step) = probe.signal();
            let message = format!("`{value}` is sent as {number}: the bits of {name} have steps of {step}");
            self.report.warning(self.file, text.place, message).help("write what the sensor can say");
        }
        Some(series)
    }

    pub(super) fn event(&mut self, spec: &EventSpec, inputs: &[Input]) -> Option<(Duration, Happening)> {
        let at = self.written(&spec.at)?;
        let mut found = Vec::new();
        let EventSpec { message, frame, silent, clock, reset, restart, .. } = spec;
        found.extend(message.as_ref().map(|message| self.message(spec.at.place, message)));
        found.extend(frame.as_ref().map(|frame| self.frame(frame)));
        found.extend(silent.as_ref().map(|speaker| self.silent(speaker, inputs)));
        found.extend(clock.as_ref().map(|clock| {
            let set = Set::parse(clock, &self.calendar.zone);
            self.right(clock.place, set).map(Happening::Clock)
        }));
        found.extend(reset.as_ref().map(|reset| self.only_true(reset).then_some(Happening::Reset)));
        found.extend(restart.as_ref().map(|restart| self.restart(restart)));
        if found.len() != 1 {
            let message =
                "an event has `at` and exactly one of `message`, `frame`, `silent`, `clock`, `reset` and `restart`";
            self.report.error(self.file, spec.at.place, message);
        }
        Some((at, found.pop()??))
    }

    fn message(&mut self, place: Place, fields: &crate::files::Entries<Spanned<Value>>) -> Option<Happening> {
        let channel = fields.get("channel");
        let Some(channel) = channel.and_then(|channel| channel.value.as_text()).map(str::to_owned) else {
            let place = channel.map_or(place, |channel| channel.place);
            let fault = self.report.error(self.file, place, "a message needs its `channel`, a text");
            fault.help("message: { channel: \"analytics:update:x\", mean: 1 }");
            return None;
        };
        let others = fields.iter().filter(|(name, _)| name.value != "channel");
        let fields: Fields = others.map(|(name, value)| (Name::from(name.as_str()), value.value.clone())).collect();
        Some(Happening::Message(channel, fields))
    }

    fn frame(&mut self, text: &Spanned<String>) -> Option<Happening> {
        let line = format!("(0.000000) {}", text.value);
        let wrong = |why: String| format!("`{}` is no frame: {why}; write it as can0 181#00FA0258", text.value);
        let parsed = parse_line(&line).and_then(|line| line.ok_or_else(|| "it is empty".to_owned())).map_err(wrong);
        let parsed = self.right(text.place, parsed)?;
        let Some(bus) = self.bench.map.bus_of(parsed.interface) else {
            let message = format!("the map has no bus `{}`", parsed.interface);
            let names = self.bench.map.buses.iter().map(|bus| &*bus.name);
            self.report.error(self.file, text.place, message).did_you_mean(parsed.interface, names);
            return None;
        };
        let frame = parsed.to_frame(Timestamp::default(), bus);
        self.recognise(text, &frame);
        Some(Happening::Frame(frame))
    }

    /// Whose frame it is: that node or device is then there.
    fn recognise(&mut self, text: &Spanned<String>, frame: &Frame) {
        let map = self.bench.map;
        let of = |bus, id| bus == frame.bus && id == frame.id;
        let nodes =
            map.nodes.iter().filter(|node| node.bus == frame.bus && node.sends(frame.id)).map(|node| &node.source);
        let told = map.devices.iter().filter_map(|device| device.feedback.as_ref());
        let devices = told.filter(|feedback| of(feedback.bus, feedback.id)).map(|feedback| &feedback.source);
        let mut known = map.devices.iter().any(|device| of(device.command.bus, device.command.id));
        for source in nodes.chain(devices) {
            known = true;
            match source.kind {
                SourceKind::Node => _ = self.cast.nodes.insert(source.name.clone()),
                SourceKind::Device => {
                    let key = DeviceKey { room: source.room.clone(), device: source.place.clone() };
                    self.cast.devices.insert(key);
                }
            }
        }
        if !known && frame.is_data() {
            let message = format!("nobody in the map sends {}: the frame will be passed over", frame.id);
            self.report.warning(self.file, text.place, message);
        }
    }

    fn silent(&mut self, speaker: &Spanned<String>, inputs: &[Input]) -> Option<Happening> {
        if !inputs.iter().any(|input| *input.speaker == *speaker.value) {
            let message = format!("`{}` has no `input` that could fall silent", speaker.value);
            let names = inputs.iter().map(|input| &*input.speaker);
            self.report.error(self.file, speaker.place, message).did_you_mean(speaker, names);
            return None;
        }
        Some(Happening::Silent(Name::from(speaker.as_str())))
    }

    fn only_true(&mut self, flag: &Spanned<bool>) -> bool {
        if !flag.value {
            self.report.error(self.file, flag.place, "only `true` is something that happens");
        }
        flag.value
    }

    fn restart(&mut self, text: &Spanned<String>) -> Option<Happening> {
        if text.value == "true" {
            return Some(Happening::Restart(Duration::ZERO));
        }
        let down = parse_duration(text).map_err(|why| format!("{why}, or `true` for a restart that takes no time"));
        self.right(text.place, down).map(Happening::Restart)
    }
}
