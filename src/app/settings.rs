//! `growctl.yaml`: the settings of this machine. Every key has a default; a key that nothing uses yet says so.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::{BookConfig, Rate, ReceiverConfig};
use crate::bus::bridge::check_url;
use crate::files::{Entries, Report, SourceFile, Spanned, closest, read_with_gaps};
use crate::model::{CommandsFrom, Name, Secret, Value};
use crate::senders::Outlet;

use super::secrets;

mod check;
mod commands;
mod people;
mod targets;

pub(super) use commands::check_patterns;
pub use people::Receiver;

/// The settings of this machine. The site is in channels.yaml, the behaviour in rules/.
///
/// Every key has a default: an empty file, or none, is a working machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SettingsSpec {
    /// The name of this machine, in logs and as the Redis client's name. No spaces. Default: growctl.
    #[schemars(extend("pattern" = "^[!-~]+$", "patternErrorMessage" = "a name has letters, digits and signs, but no spaces",
        "examples" = ["north-house"]))]
    name: Option<Spanned<String>>,
    /// For civil times in rules. Default: the system's.
    #[schemars(extend("examples" = ["Europe/Amsterdam", "America/Los_Angeles", "UTC"]))]
    time_zone: Option<Spanned<String>>,
    /// Where the site is, for sunrise and sunset.
    location: Option<Spanned<LocationSpec>>,
    /// Your Redis server. Without one, growctl answers Redis clients itself.
    redis: RedisSpec,
    /// What holds for every device of the site.
    devices: commands::DevicesSpec,
    /// Folder of the database, the lock and the control socket, relative to the site folder.
    #[schemars(extend("default" = ".growctl"))]
    state_dir: Option<PathBuf>,
    /// What `record()` in a rule keeps. No effect yet.
    history: Option<Spanned<Value>>,
    /// The web server. No effect yet.
    web: Option<Spanned<Value>>,
    /// People, by the names that rules use.
    receivers: Entries<Spanned<people::ReceiverSpec>>,
    /// What is said to people without a rule.
    alerts: people::AlertsSpec,
    /// How people are reached.
    senders: people::SendersSpec,
    /// Machines that `send()` in a rule names.
    targets: Entries<Spanned<targets::TargetSpec>>,
    /// Limits of scripts. No effect yet.
    limits: Option<Spanned<Value>>,
}

/// A place on earth, in degrees.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationSpec {
    /// North is positive, south negative.
    #[schemars(extend("minimum" = -90, "maximum" = 90, "examples" = [52.1]))]
    latitude: f64,
    /// East is positive, west negative.
    #[schemars(extend("minimum" = -180, "maximum" = 180, "examples" = [4.3]))]
    longitude: f64,
}

/// The Redis server, or what answers in its place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RedisSpec {
    /// The server: `redis://HOST:PORT`, with TLS `rediss://`. Absent: the embedded endpoint answers Redis clients.
    #[schemars(extend("examples" = ["redis://127.0.0.1:6379", "rediss://redis.example.org:6380"]))]
    url: Option<Spanned<String>>,
    /// The password: `${secret:redis}` reads secrets/redis (mode 0600), `${env:NAME}` the environment.
    #[schemars(extend("examples" = ["${secret:redis}", "${env:REDIS_PASSWORD}"]))]
    password: Option<Spanned<String>>,
    /// Where growctl itself answers Redis clients while no `url` is given: an address of this machine, or false for not at
    /// all.
    #[schemars(extend("default" = "127.0.0.1:6380"))]
    embedded: Option<Spanned<Embedded>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected an address such as 127.0.0.1:6380, or false")]
#[schemars(inline, description = "")]
enum Embedded {
    Switch(bool),
    Address(String),
}

/// The settings as they are used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of this machine, in logs and as the Redis client's name.
    pub name: String,
    /// For civil times in rules.
    pub zone: TimeZone,
    /// Latitude and longitude in degrees, north and east positive, for the sun.
    pub location: Option<(f64, f64)>,
    /// The Redis server.
    pub redis: Option<Redis>,
    /// What answers Redis clients where there is no server.
    pub embedded: Option<SocketAddr>,
    /// Which Redis clients may command devices.
    pub commands_from: CommandsFrom,
    /// The people that alerts are for.
    pub receivers: Vec<Receiver>,
    /// Who is told of faults of growctl itself and of the plant.
    pub system: Vec<Name>,
    /// The machines that take data.
    pub targets: Vec<Outlet>,
    /// Lock, control socket, database; relative to the site folder.
    pub state_dir: PathBuf,
}

/// A Redis server and how to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// `redis://…`; may hold a password itself.
    pub url: Secret,
    /// The password, if it is not in the URL.
    pub password: Option<Secret>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "growctl".to_owned(),
            zone: TimeZone::system(),
            location: None,
            redis: None,
            embedded: Some(SocketAddr::from(([127, 0, 0, 1], 6380))),
            commands_from: CommandsFrom::All,
            receivers: Vec::new(),
            system: Vec::new(),
            targets: Vec::new(),
            state_dir: PathBuf::from(".growctl"),
        }
    }
}

impl Settings {
    /// A moment, in seconds since 1970, on the site's clocks: `2026-06-01 14:00:32`.
    #[must_use]
    pub fn civil(&self, seconds: f64) -> String {
        let stamp = jiff::Timestamp::from_second(seconds.floor() as i64).unwrap_or_default();
        stamp.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// How people want to be told.
    pub(super) fn book_config(&self) -> BookConfig {
        let rate = |most: Option<u32>| most.map_or_else(Rate::default, |most| Rate { normal: most, ..Rate::default() });
        let receiver =
            |one: &Receiver| (one.name.clone(), ReceiverConfig { quiet: one.quiet, rate: rate(one.most_per_hour) });
        BookConfig {
            receivers: self.receivers.iter().map(receiver).collect(),
            system: self.system.clone(),
            site: self.name.clone(),
            zone: self.zone.clone(),
        }
    }

    /// Checks what the file says; `None` if there were errors.
    pub fn load(file: &Arc<SourceFile>, folder: &Path, report: &mut Report) -> Option<Settings> {
        let (before, first) = (report.errors(), report.diagnostics.len());
        let spec = read_with_gaps::<SettingsSpec>(file, report);
        let settings = spec.map(|(spec, _)| Settings::check(&spec, file, folder, report));
        report.settle(first);
        settings.filter(|_| report.errors() == before)
    }

    fn check(spec: &SettingsSpec, file: &Arc<SourceFile>, folder: &Path, report: &mut Report) -> Settings {
        let mut settings = Settings::default();
        if let Some(name) = &spec.name {
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic()) {
                report.error(file, name.place, "a name has letters, digits and signs, but no spaces");
            }
            settings.name.clone_from(&name.value);
        }
        if let Some(zone) = &spec.time_zone {
            match TimeZone::get(zone) {
                Ok(found) => settings.zone = found,
                Err(_) => {
                    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
                    let fault = report.error(file, zone.place, format!("there is no time zone `{}`", zone.value));
                    fault.help = Some(match closest(zone, names.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "write one such as Europe/Amsterdam".to_owned(),
                    });
                }
            }
        }
        settings.location = spec.location.as_ref().and_then(|location| check_location(file, location, report));
        settings.redis = check_redis(file, &spec.redis, folder, report);
        settings.embedded = match &spec.redis.embedded {
            Some(embedded) => check_embedded(file, embedded, report),
            None => settings.embedded,
        };
        settings.commands_from = spec.devices.commands_from(file, report);
        if let Some(folder) = &spec.state_dir {
            settings.state_dir.clone_from(folder);
        }
        let mut check = check::Check { file, folder, report };
        settings.receivers = people::receivers(&spec.receivers, &spec.senders, &mut check);
        settings.system = spec.alerts.system(&settings.receivers, &mut check);
        settings.targets = targets::targets(&spec.targets, &mut check);
        spec.unused(file, report);
        settings
    }
}

impl SettingsSpec {
    fn unused(&self, file: &Arc<SourceFile>, report: &mut Report) {
        let keys = [("history", &self.history), ("web", &self.web), ("limits", &self.limits)];
        for (key, value) in keys {
            if let Some(value) = value {
                report.warning(file, value.place, format!("`{key}` has no effect yet"));
            }
        }
    }
}

pub(super) fn check_location(
    file: &Arc<SourceFile>,
    location: &Spanned<LocationSpec>,
    report: &mut Report,
) -> Option<(f64, f64)> {
    let LocationSpec { latitude, longitude } = location.value;
    if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 {
        return Some((latitude, longitude));
    }
    report.error(file, location.place, "a latitude is from -90 to 90 degrees, a longitude from -180 to 180");
    None
}

fn check_redis(file: &Arc<SourceFile>, spec: &RedisSpec, folder: &Path, report: &mut Report) -> Option<Redis> {
    let mut expand = |text: &Spanned<String>| match secrets::expand(&text.value, folder) {
        Ok(secret) => Some(secret),
        Err(message) => {
            report.error(file, text.place, message);
            None
        }
    };
    let password = spec.password.as_ref().and_then(&mut expand);
    let place = spec.url.as_ref()?.place;
    let url = expand(spec.url.as_ref()?)?;
    if let Err(why) = check_url(url.expose()) {
        report.error(file, place, why);
        return None;
    }
    Some(Redis { url, password })
}

fn check_embedded(file: &Arc<SourceFile>, embedded: &Spanned<Embedded>, report: &mut Report) -> Option<SocketAddr> {
    let address = match &embedded.value {
        Embedded::Switch(false) => return None,
        Embedded::Switch(true) => return Settings::default().embedded,
        Embedded::Address(text) => text.parse::<SocketAddr>(),
    };
    match address {
        Ok(address) if address.ip().is_loopback() => return Some(address),
        Ok(_) => {
            let message = "the embedded endpoint knows no passwords, so it answers on this machine only";
            report.error(file, embedded.place, message).help("write 127.0.0.1:6380, or set redis.url for a real Redis");
        }
        Err(_) => {
            report.error(file, embedded.place, "expected an address such as 127.0.0.1:6380, or false");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (Option<Settings>, String) {
        let mut report = Report::default();
        let settings = Settings::load(&SourceFile::new("growctl.yaml", text), Path::new("."), &mut report);
        (settings, report.render(false))
    }

    #[test]
    fn an_empty_file_is_a_working_machine() {
        let (settings, report) = load("");
        assert!(settings.is_some_and(|s| s.redis.is_none() && s.embedded.is_some()), "{report}");
    }

    #[test]
    fn what_is_wrong_is_said_at_once() {
        let (settings, report) = load(
            "name: north house\ntime_zone: Europe/Amsterdm\nlocation: {latitude: 521, longitude: 4}\n\
             redis: {url: flowers, password: \"${env:GROWCTL_NO_SUCH}\", embedded: 0.0.0.0:6380}\nweb: {}\n",
        );
        assert!(settings.is_none());
        for part in
            ["no spaces", "Europe/Amsterdm", "-90 to 90", "redis://HOST:PORT", "GROWCTL_NO_SUCH", "this machine only"]
        {
            assert!(report.contains(part), "{part} in {report}");
        }
        assert!(report.contains("`web` has no effect yet"), "{report}");
    }
}
