//! A YAML file as a tree in which every key and value knows its place. A file of ours has some hundred nodes; what is far
//! beyond that is an accident or an attack.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::Place;

const MOST_NODES: usize = 20_000;
const MOST_KEYS: usize = 2_000;
const MOST_DEPTH: usize = 32;
const MOST_ALIASES: usize = 200;

/// A key or a value. What an alias stands for is there again, with the same `id`.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) id: u32,
    pub(super) place: Place,
    /// The bytes that it covers, children included.
    pub(super) bytes: (usize, usize),
    pub(super) kind: Kind<'a>,
    /// What has been taken out of it, because it was wrong: keys, and what was probably meant by them.
    pub(super) lost: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    /// `plain`: without quotes, not in a block.
    Scalar { text: Cow<'a, str>, plain: bool },
    /// `flow`: `[…]`.
    List { items: Vec<Node<'a>>, flow: bool },
    /// `flow`: `{…}`.
    Map { entries: Vec<(Node<'a>, Node<'a>)>, flow: bool },
}

/// What the tree itself has against a file that is YAML, with the id of the key that is wrong.
#[derive(Debug)]
pub(super) enum Odd {
    /// The key was there before, at this place.
    Twice(u32, Place),
    /// A tag, and where.
    Tag(String, Place),
    /// What has brackets and is neither a list nor a group of keys, as `{{ x }}`; it is there as a text.
    Brackets(Place),
}

/// Why there is no tree.
#[derive(Debug)]
pub(super) enum Broken {
    Syntax(ScanError),
    /// Beyond the budget, or no tree at all.
    Refused(Place, &'static str),
}

/// Reads a text. The root of an empty one is a scalar that means nothing.
pub(super) fn tree(text: &str) -> Result<(Node<'_>, Vec<Odd>), Broken> {
    let mut options = Options::default();
    options.emit_comments = false;
    let parser = Parser::new_from_str_with_options(text, options);
    let mut build = Build { parser, text, anchors: HashMap::new(), next: 0, aliases: 0, depth: 0, odd: Vec::new() };
    let root = build.document()?;
    Ok((root, build.odd))
}

struct Build<'a> {
    parser: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    text: &'a str,
    /// By the parser's number: the node, and how many nodes it is.
    anchors: HashMap<usize, (Node<'a>, usize)>,
    next: usize,
    aliases: usize,
    depth: usize,
    odd: Vec<Odd>,
}

impl<'a> Build<'a> {
    fn next_event(&mut self) -> Result<(Event<'a>, Span), Broken> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Broken::Syntax(error)),
            None => Err(Broken::Refused(Place::default(), "the file ends too early")),
        }
    }

    fn document(&mut self) -> Result<Node<'a>, Broken> {
        let mut root = None;
        loop {
            let (event, span) = self.next_event()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    let message = "`---` begins a second document: a file is one";
                    return Err(Broken::Refused(self.place(span), message));
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next_event()?;
                    root = Some(self.node(event, span)?);
                }
                Event::StreamEnd => break,
                _ => return Err(Broken::Refused(self.place(span), "a value is not expected here")),
            }
        }
        match root {
            Some(root) => Ok(root),
            None => self.new_node(Place::default(), (0, 0), Kind::Scalar { text: Cow::Borrowed(""), plain: true }),
        }
    }

    fn new_node(&mut self, place: Place, bytes: (usize, usize), kind: Kind<'a>) -> Result<Node<'a>, Broken> {
        self.next += 1;
        if self.next > MOST_NODES {
            return Err(Broken::Refused(place, "the file has more than 20000 keys and values"));
        }
        Ok(Node { id: self.next as u32, place, bytes, kind, lost: Vec::new() })
    }

    fn place(&self, span: Span) -> Place {
        let (start, end) = self.bytes(span);
        Place { line: span.start.line(), column: span.start.col() + 1, len: end - start }
    }

    fn bytes(&self, span: Span) -> (usize, usize) {
        let start = self.offset(span.start);
        (start, self.offset(span.end).max(start))
    }

    fn offset(&self, marker: Marker) -> usize {
        marker.byte_offset().unwrap_or(marker.index()).min(self.text.len())
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node<'a>, Broken> {
        let before = self.next;
        let (node, anchor) = match event {
            Event::Alias(of) => return self.alias(of, span),
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = self.tag(tag.as_deref(), span);
                let plain = style == ScalarStyle::Plain && !tagged;
                (self.new_node(self.place(span), self.bytes(span), Kind::Scalar { text, plain })?, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (self.collection(span, style == StructureStyle::Flow, false)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (self.collection(span, style == StructureStyle::Flow, true)?, anchor)
            }
            _ => return Err(Broken::Refused(self.place(span), "a value is missing here")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.next - before));
        }
        Ok(node)
    }

    fn collection(&mut self, span: Span, flow: bool, map: bool) -> Result<Node<'a>, Broken> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Broken::Refused(self.place(span), "values are nested more than 32 deep"));
        }
        let empty = Kind::List { items: Vec::new(), flow };
        let mut node = self.new_node(self.place(span), self.bytes(span), empty)?;
        let end;
        (node.kind, end) = if map { self.entries(flow)? } else { self.items(flow)? };
        node.bytes.1 = node.bytes.1.max(self.offset(end.end));
        if matches!(&node.kind, Kind::Map { entries, .. } if entries.iter().any(|(key, _)| key.text().is_none())) {
            let text = self.text.get(node.bytes.0..node.bytes.1).unwrap_or_default();
            node.kind = Kind::Scalar { text: Cow::Borrowed(text), plain: false };
            self.odd.push(Odd::Brackets(Place { len: text.len(), ..node.place }));
        }
        node.place.len = match &node.kind {
            Kind::Scalar { text, .. } => text.len(),
            _ if flow => node.bytes.1 - node.bytes.0,
            Kind::Map { entries, .. } => entries.first().map_or(1, |(key, _)| key.place.len),
            _ => 1,
        };
        self.depth -= 1;
        Ok(node)
    }

    fn items(&mut self, flow: bool) -> Result<(Kind<'a>, Span), Broken> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next_event()?;
            if event == Event::SequenceEnd {
                return Ok((Kind::List { items, flow }, span));
            }
            items.push(self.node(event, span)?);
        }
    }

    fn entries(&mut self, flow: bool) -> Result<(Kind<'a>, Span), Broken> {
        let (mut entries, mut merged): (Vec<(Node<'a>, Node<'a>)>, Vec<Node<'a>>) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next_event()?;
            if event == Event::MappingEnd {
                merged.into_iter().for_each(|from| merge(&mut entries, from));
                return Ok((Kind::Map { entries, flow }, span));
            }
            let key = self.node(event, span)?;
            let (event, span) = self.next_event()?;
            let value = self.node(event, span)?;
            match key.text() {
                Some("<<") if matches!(key.kind, Kind::Scalar { plain: true, .. }) => merged.push(value),
                given => {
                    let twice = entries.iter().find(|(known, _)| given.is_some() && known.text() == given);
                    if let Some((first, _)) = twice {
                        self.odd.push(Odd::Twice(key.id, first.place));
                    }
                    if entries.len() >= MOST_KEYS {
                        return Err(Broken::Refused(key.place, "a group has more than 2000 keys"));
                    }
                    entries.push((key, value));
                }
            }
        }
    }

    fn alias(&mut self, of: usize, span: Span) -> Result<Node<'a>, Broken> {
        let place = self.place(span);
        self.aliases += 1;
        if self.aliases > MOST_ALIASES {
            return Err(Broken::Refused(place, "the file has more than 200 aliases (`*name`)"));
        }
        let Some((node, nodes)) = self.anchors.get(&of) else {
            return Err(Broken::Refused(place, "an alias cannot stand inside what it stands for"));
        };
        self.next += nodes;
        if self.next > MOST_NODES {
            return Err(Broken::Refused(place, "with its aliases the file has more than 20000 keys and values"));
        }
        Ok(node.clone())
    }

    /// Whether a tag makes a scalar a text; a tag that is none of YAML's own is noted.
    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_custom() && tag.original() != "!" {
            let start = span.tag_start().map_or_else(|| self.place(span), |start| self.place(Span::new(start, start)));
            let at = Place { len: tag.original().len(), ..start };
            self.odd.push(Odd::Tag(tag.original(), at));
        }
        tag.original() == "!" || tag.core_suffix() == Some("str")
    }
}

/// `<<: *base`: what `from` has and the map has not.
fn merge<'a>(entries: &mut Vec<(Node<'a>, Node<'a>)>, from: Node<'a>) {
    match from.kind {
        Kind::Map { entries: more, .. } => {
            for (key, value) in more {
                if !entries.iter().any(|(known, _)| known.text() == key.text()) {
                    entries.push((key, value));
                }
            }
        }
        Kind::List { items, .. } => items.into_iter().for_each(|item| merge(entries, item)),
        Kind::Scalar { .. } => {}
    }
}

/// A node found by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'t, 'a> {
    pub(super) node: &'t Node<'a>,
    /// The key that it belongs to, if it is the value of one.
    pub(super) key: Option<&'t Node<'a>>,
    /// What it is in; `None` for the root.
    pub(super) parent: Option<&'t Node<'a>>,
    /// The key that the parent belongs to.
    pub(super) above: Option<&'t Node<'a>>,
}

impl Found<'_, '_> {
    /// The bytes of the whole entry: a key with its value, or an item.
    pub(super) fn bytes(&self) -> (usize, usize) {
        if let Some(key) = self.key {
            return (key.bytes.0, self.node.bytes.1);
        }
        let value = self.parent.and_then(|parent| match &parent.kind {
            Kind::Map { entries, .. } => entries.iter().find(|(key, _)| key.id == self.node.id).map(|(_, value)| value),
            _ => None,
        });
        (self.node.bytes.0, value.map_or(self.node.bytes.1, |value| value.bytes.1.max(self.node.bytes.1)))
    }
}

impl<'a> Node<'a> {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        if let Kind::Scalar { text, .. } = &self.kind { Some(text) } else { None }
    }

    /// Whether nothing stands there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if super::scalar::plain(text) == super::scalar::Plain::Nothing)
    }

    /// The node of this number.
    pub(super) fn find(&self, id: u32) -> Option<Found<'_, 'a>> {
        match self.id == id {
            true => Some(Found { node: self, key: None, parent: None, above: None }),
            false => self.find_below(id, None),
        }
    }

    fn find_below<'t>(&'t self, id: u32, above: Option<&'t Node<'a>>) -> Option<Found<'t, 'a>> {
        let found = |node, key| Some(Found { node, key, parent: Some(self), above });
        match &self.kind {
            Kind::Scalar { .. } => None,
            Kind::List { items, .. } => items.iter().find_map(|item| match item.id == id {
                true => found(item, None),
                false => item.find_below(id, None),
            }),
            Kind::Map { entries, .. } => entries.iter().find_map(|(key, value)| {
                if key.id == id {
                    found(key, None)
                } else if value.id == id {
                    found(value, Some(key))
                } else {
                    value.find_below(id, Some(key))
                }
            }),
        }
    }

    /// A value whose key stands in this line, and the key.
    pub(super) fn value_of_line(&self, line: usize) -> Option<(u32, String)> {
        match &self.kind {
            Kind::Scalar { .. } => None,
            Kind::List { items, .. } => items.iter().find_map(|item| item.value_of_line(line)),
            Kind::Map { entries, .. } => entries.iter().find_map(|(key, value)| match key.place.line == line {
                true => Some((value.id, key.text().unwrap_or_default().to_owned())),
                false => value.value_of_line(line),
            }),
        }
    }

    /// The key of the root under which this number is.
    pub(super) fn top_key(&self, id: u32) -> Option<&str> {
        let Kind::Map { entries, .. } = &self.kind else { return None };
        let under = |(key, value): &&(Node<'a>, Node<'a>)| key.id == id || value.find(id).is_some();
        entries.iter().find(under).and_then(|(key, _)| key.text())
    }

    /// Takes out the entry or item of this number, wherever it stands, and notes what is lost.
    pub(super) fn remove(&mut self, id: u32, lost: &[String]) {
        match &mut self.kind {
            Kind::Scalar { .. } => {}
            Kind::List { items, .. } => {
                if let Some(at) = items.iter().position(|item| item.id == id) {
                    items.remove(at);
                    self.lost.extend_from_slice(lost);
                }
                items.iter_mut().for_each(|item| item.remove(id, lost));
            }
            Kind::Map { entries, .. } => {
                if let Some(at) = entries.iter().position(|(key, value)| key.id == id || value.id == id) {
                    entries.remove(at);
                    self.lost.extend_from_slice(lost);
                }
                entries.iter_mut().for_each(|(_, value)| value.remove(id, lost));
            }
        }
    }
}
