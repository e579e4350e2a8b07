//! `targets`: machines that `send()` in a rule names.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::files::{Entries, Place, Spanned};
use crate::model::{Class, Name, Secret, Value};
use crate::senders::{Kind, Outlet, file, http, influx, mqtt, postgres};

use super::check::{Check, RetrySpec};

/// What is for machines is tried for so long, unless the target says otherwise.
const KEEP_TRYING: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest pause between two tries, unless the target says otherwise.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A machine that takes data. Which keys belong to which kind stands in the reference.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TargetSpec {
    /// Who takes the data.
    #[schemars(extend("enum" = ["http", "influx", "postgres", "mqtt", "file"]))]
    kind: Option<Spanned<String>>,
    /// Where: `https://…`, `mqtt://…`, `postgres://…`.
    url: Option<Spanned<String>>,
    /// How many are delivered together, and how long more are waited for.
    batch: Option<Spanned<BatchSpec>>,
    /// Tried for so long before it is given up. Default: 7d.
    keep_trying: Option<Spanned<String>>,
    /// Pauses between two tries.
    retry: Option<Spanned<RetrySpec>>,
    /// An address in the own network is meant.
    allow_private: Option<Spanned<bool>>,
    /// http: `json`, an array, or `ndjson`, a line each. file: `jsonl` or `csv`.
    format: Option<Spanned<String>>,
    /// http: an own body for each value: JSON with `{{value.temperature}}` in its texts.
    body: Option<Spanned<Value>>,
    /// http: further headers.
    headers: Entries<Spanned<String>>,
    /// http: how to log in.
    auth: Option<Spanned<AuthSpec>>,
    /// http: `gzip`. file: `zstd`, once a file is over.
    compress: Option<Spanned<String>>,
    /// influx: the bucket.
    bucket: Option<Spanned<String>>,
    /// influx 1.x: the database.
    database: Option<Spanned<String>>,
    /// influx: the organisation.
    org: Option<Spanned<String>>,
    /// influx: the token, such as `"${secret:influx}"`.
    token: Option<Spanned<String>>,
    /// influx: the measurement. Default: readings.
    measurement: Option<Spanned<String>>,
    /// influx 1.x, mqtt: who logs in.
    user: Option<Spanned<String>>,
    /// influx 1.x, mqtt: the password.
    password: Option<Spanned<String>>,
    /// postgres: the table; made if it is not there. Default: readings.
    table: Option<Spanned<String>>,
    /// mqtt: the first part of every topic. Default: growctl.
    prefix: Option<Spanned<String>>,
    /// mqtt: Home Assistant learns of every sensor and device.
    home_assistant: Option<Spanned<bool>>,
    /// file: its name below the site folder; `%Y-%m-%d` and so on are the local date.
    path: Option<Spanned<String>>,
    /// file: a file is over when it has so many MB.
    rotate_mb: Option<Spanned<u64>>,
    /// file: files that are over are deleted after this.
    keep: Option<Spanned<String>>,
}

/// How many are delivered together.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct BatchSpec {
    /// At most so many.
    #[schemars(extend("minimum" = 1, "maximum" = 10_000))]
    max: Option<Spanned<u32>>,
    /// So long more are waited for, `10s`.
    every: Option<Spanned<String>>,
}

/// How to log in: one of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct AuthSpec {
    /// A token.
    bearer: Option<Spanned<String>>,
    /// User and password.
    basic: Option<Spanned<BasicSpec>>,
    /// The key of a signature over the body.
    hmac: Option<Spanned<String>>,
}

/// User and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BasicSpec {
    /// The user.
    user: Spanned<String>,
    /// The password.
    password: Spanned<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Http,
    Influx,
    Postgres,
    Mqtt,
    File,
}

/// The keys of each kind, beside `kind`, `batch`, `keep_trying` and `retry`; how many together, how long they are waited for.
const KINDS: [(&str, Word, &[&str], usize, Duration); 5] = [
    (
        "http",
        Word::Http,
        &["url", "allow_private", "format", "body", "headers", "auth", "compress"],
        500,
        Duration::from_secs(10),
    ),
    (
        "influx",
        Word::Influx,
        &["url", "allow_private", "bucket", "database", "org", "token", "measurement", "user", "password"],
        5_000,
        Duration::from_secs(10),
    ),
    ("postgres", Word::Postgres, &["url", "allow_private", "table"], 1_000, Duration::from_secs(10)),
    (
        "mqtt",
        Word::Mqtt,
        &["url", "allow_private", "user", "password", "prefix", "home_assistant"],
        100,
        Duration::from_millis(100),
    ),
    ("file", Word::File, &["path", "format", "compress", "rotate_mb", "keep"], 1_000, Duration::from_secs(1)),
];

/// A receiver's or target's name stands in commands and tables.
pub(super) fn check_name(name: &Spanned<String>, check: &mut Check<'_>) {
    if name.value.is_empty() || !name.value.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c)) {
        check.error(name.place, format!("'{}' is no name: letters, digits, spaces, - _ and . only", name.value));
    }
}

/// Every machine that takes data.
pub(super) fn targets(spec: &Entries<Spanned<TargetSpec>>, check: &mut Check<'_>) -> Vec<Outlet> {
    spec.iter().filter_map(|(name, spec)| target(name, spec, check)).collect()
}

fn target(name: &Spanned<String>, spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Outlet> {
    check_name(name, check);
    if spec.kind.is_none() {
        check.error(spec.place, "`kind` is missing: http, influx, postgres, mqtt or file");
    }
    let words = KINDS.map(|(word, ..)| (word, word));
    let word = check.word(spec.kind.as_ref(), &words)?;
    let (_, kind, keys, most, every) = KINDS.into_iter().find(|(name, ..)| *name == word)?;
    for (key, place) in spec.given() {
        if !keys.contains(&key) {
            check.error(place, format!("`{key}` is no key of `kind: {word}`: {}", keys.join(", ")));
        }
    }
    let batch = spec.batch.as_ref();
    let max = batch.and_then(|batch| batch.max.as_ref());
    if let Some(max) = max.filter(|max| !(1..=10_000).contains(&max.value)) {
        check.error(max.place, "from 1 to 10000 can be delivered together");
    }
    let every = check.duration(batch.and_then(|batch| batch.every.as_ref())).unwrap_or(every);
    let keep_trying = check.duration(spec.keep_trying.as_ref()).unwrap_or(KEEP_TRYING);
    let kind = match kind {
        Word::Http => http(spec, check),
        Word::Influx => influx(spec, check),
        Word::Postgres => postgres(spec, check),
        Word::Mqtt => mqtt(spec, check),
        Word::File => file(spec, check),
    };
    Some(Outlet {
        name: Name::from(name.value.as_str()),
        class: Class::Export,
        kind: kind?,
        most: max.map_or(most, |max| max.value as usize),
        every,
        keep_trying,
        pauses: check.pauses(spec.retry.as_ref(), LONGEST_PAUSE),
    })
}

impl TargetSpec {
    fn private(&self) -> bool {
        self.allow_private.as_ref().is_some_and(|allow| allow.value)
    }

    /// The keys that belong to a kind and are there.
    fn given(&self) -> Vec<(&'static str, Place)> {
        let place = |text: &Option<Spanned<String>>| text.as_ref().map(|text| text.place);
        let all = [
            ("url", place(&self.url)),
            ("allow_private", self.allow_private.as_ref().map(|allow| allow.place)),
            ("format", place(&self.format)),
            ("body", self.body.as_ref().map(|body| body.place)),
            ("headers", self.headers.iter().next().map(|(name, _)| name.place)),
            ("auth", self.auth.as_ref().map(|auth| auth.place)),
            ("compress", place(&self.compress)),
            ("bucket", place(&self.bucket)),
            ("database", place(&self.database)),
            ("org", place(&self.org)),
            ("token", place(&self.token)),
            ("measurement", place(&self.measurement)),
            ("user", place(&self.user)),
            ("password", place(&self.password)),
            ("table", place(&self.table)),
            ("prefix", place(&self.prefix)),
            ("home_assistant", self.home_assistant.as_ref().map(|on| on.place)),
            ("path", place(&self.path)),
            ("rotate_mb", self.rotate_mb.as_ref().map(|size| size.place)),
            ("keep", place(&self.keep)),
        ];
        all.into_iter().filter_map(|(key, place)| Some((key, place?))).collect()
    }

    fn login(&self, whole: Place, check: &mut Check<'_>) -> Option<(String, Secret)> {
        if self.user.is_some() != self.password.is_some() {
            check.error(whole, "`user` and `password` come together");
        }
        check.text(self.user.as_ref()).zip(check.maybe(self.password.as_ref()))
    }
}

fn http(spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Kind> {
    let url = check.url(spec.place, spec.url.as_ref(), spec.private());
    let words = [("json", http::Format::Json), ("ndjson", http::Format::Ndjson)];
    let format = check.word(spec.format.as_ref(), &words).unwrap_or_default();
    let compress = check.word(spec.compress.as_ref(), &[("gzip", true), ("none", false)]).unwrap_or_default();
    let headers = check.headers(&spec.headers);
    let auth = spec.auth.as_ref().and_then(|auth| self::auth(auth, check));
    let body = spec.body.as_ref().map(|body| serde_json::to_value(&body.value).unwrap_or_default());
    let allow_private = spec.private();
    Some(Kind::Http(http::Config { url: url?, format, body, headers, auth, compress, allow_private }))
}

fn auth(spec: &Spanned<AuthSpec>, check: &mut Check<'_>) -> Option<http::Auth> {
    let given = [spec.bearer.is_some(), spec.basic.is_some(), spec.hmac.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        check.error(spec.place, "write one of `bearer`, `basic` and `hmac`");
        return None;
    }
    if let Some(basic) = &spec.basic {
        let (user, password) = (check.secret(&basic.user), check.secret(&basic.password));
        return Some(http::Auth::Basic(user?.expose().to_owned(), password?));
    }
    let bearer = check.maybe(spec.bearer.as_ref()).map(http::Auth::Bearer);
    bearer.or_else(|| check.maybe(spec.hmac.as_ref()).map(http::Auth::Hmac))
}

fn influx(spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Kind> {
    let url = check.url(spec.place, spec.url.as_ref(), spec.private());
    if spec.bucket.is_some() == spec.database.is_some() {
        check.error(spec.place, "write `bucket` for InfluxDB 2 and 3, or `database` for 1.x");
        return None;
    }
    let login = spec.login(spec.place, check);
    let version_1 = spec.database.is_some();
    let bucket = check.text(spec.bucket.as_ref().or(spec.database.as_ref()));
    Some(Kind::Influx(influx::Config {
        url: url?.expose().trim_end_matches('/').to_owned(),
        bucket: bucket?,
        org: check.text(spec.org.as_ref()),
        token: check.maybe(spec.token.as_ref()),
        login,
        version_1,
        measurement: check.text(spec.measurement.as_ref()).unwrap_or_else(|| "readings".to_owned()),
        allow_private: spec.private(),
    }))
}

fn postgres(spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Kind> {
    let url = check.needed(spec.place, "url", spec.url.as_ref())?;
    if !url.expose().starts_with("postgres://") && !url.expose().starts_with("postgresql://") {
        let place = spec.url.as_ref().map_or(spec.place, |url| url.place);
        check.error(place, "expected an address such as postgres://user:${secret:postgres}@host/database");
    }
    let table = check.text(spec.table.as_ref()).unwrap_or_else(|| "readings".to_owned());
    Some(Kind::Postgres(postgres::Config { url, table, allow_private: spec.private() }))
}

fn mqtt(spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Kind> {
    let url = check.needed(spec.place, "url", spec.url.as_ref())?.expose().to_owned();
    let place = spec.url.as_ref().map_or(spec.place, |url| url.place);
    if !url.starts_with("mqtt://") && !url.starts_with("mqtts://") {
        check.error(place, "expected an address such as mqtts://host:8883");
    } else if url.starts_with("mqtt://") && !spec.private() {
        check.error(place, "without TLS it is for a broker in your own network: `allow_private: true`, or mqtts://");
    }
    let login = spec.login(spec.place, check);
    let prefix = check.text(spec.prefix.as_ref()).unwrap_or_else(|| "growctl".to_owned());
    if prefix.is_empty() || prefix.contains(['+', '#']) {
        check.error(spec.place, "a `prefix` is the begin of a topic, without + and #");
    }
    let home_assistant = spec.home_assistant.as_ref().is_some_and(|on| on.value);
    Some(Kind::Mqtt(mqtt::Config { url, login, prefix, home_assistant, allow_private: spec.private() }))
}

fn file(spec: &Spanned<TargetSpec>, check: &mut Check<'_>) -> Option<Kind> {
    let path = check.needed(spec.place, "path", spec.path.as_ref())?.expose().to_owned();
    let words = [("jsonl", file::Format::Jsonl), ("csv", file::Format::Csv)];
    let format = check.word(spec.format.as_ref(), &words).unwrap_or_default();
    let compress = check.word(spec.compress.as_ref(), &[("zstd", true), ("none", false)]).unwrap_or_default();
    let rotate = spec.rotate_mb.as_ref().map(|size| size.value.max(1) << 20);
    let keep = check.duration(spec.keep.as_ref());
    Some(Kind::File(file::Config { path, format, compress, rotate, keep }))
}
