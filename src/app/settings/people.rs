//! `receivers` and `senders`: who is told, and how they are reached.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::alerts::Quiet;
use crate::files::{Entries, Place, Several, Spanned};
use crate::model::{Class, Name, Severity, Value};
use crate::senders::{Kind, Outlet, email, push, sms, webhook};

use super::check::{Check, RetrySpec};

/// What is for people is tried for so long.
const KEEP_TRYING: std::time::Duration = std::time::Duration::from_secs(3 * 24 * 3600);

/// The longest pause between two tries.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

/// A person or a group: the ways to reach it, and when not to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReceiverSpec {
    /// A text message; `senders.sms` says how.
    sms: Option<Spanned<ToSpec>>,
    /// An e-mail; `senders.email` says how.
    email: Option<Spanned<ToSpec>>,
    /// A push message through ntfy.
    push: Option<Spanned<PushSpec>>,
    /// A post to a chat or another service.
    webhook: Option<Spanned<WebhookSpec>>,
    /// When not to be disturbed.
    quiet: Option<Spanned<QuietSpec>>,
    /// At most so many messages an hour; what is above comes later, together. Default: 20, and 60 critical ones.
    #[schemars(extend("minimum" = 1))]
    most_per_hour: Option<Spanned<u32>>,
    /// Pauses between two tries.
    retry: Option<Spanned<RetrySpec>>,
}

/// Where a text message or an e-mail goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToSpec {
    /// A number such as `"+31600000001"`, or an e-mail address.
    to: Spanned<String>,
}

/// A push message.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct PushSpec {
    /// `ntfy`, the only one so far.
    service: Option<Spanned<String>>,
    /// The server. Default: https://ntfy.sh.
    url: Option<Spanned<String>>,
    /// The topic: whoever knows it can read, so make it hard to guess.
    topic: Option<Spanned<String>>,
    /// An access token.
    token: Option<Spanned<String>>,
    /// A server in the own network is meant.
    allow_private: bool,
}

/// A post to a chat or another service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WebhookSpec {
    /// Where to.
    url: Option<Spanned<String>>,
    /// A shipped body: `slack`, `discord`, `teams`, `telegram`, `pushover`.
    template: Option<Spanned<String>>,
    /// What the template asks for, such as Telegram's `chat_id`.
    with: Entries<Spanned<String>>,
    /// An own body: JSON with `{{summary}}`, `{{severity}}` and so on in its texts.
    body: Option<Spanned<Value>>,
    /// Further headers.
    headers: Entries<Spanned<String>>,
    /// An address in the own network is meant.
    allow_private: bool,
}

/// From when to when only the most important is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuietSpec {
    /// Local time, `"22:00"`.
    #[schemars(extend("pattern" = "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"))]
    from: Spanned<String>,
    /// Local time, `"06:00"`.
    #[schemars(extend("pattern" = "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"))]
    to: Spanned<String>,
    /// What is told all the same: `critical`, which is the default, or `warning` and what is worse.
    except: Option<Spanned<String>>,
}

/// How people are reached.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SendersSpec {
    /// Text messages.
    sms: Option<Spanned<SmsSpec>>,
    /// E-mail.
    email: Option<Spanned<EmailSpec>>,
}

/// Twilio, or a gateway that speaks its language.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SmsSpec {
    /// `twilio`, the only one so far.
    service: Option<Spanned<String>>,
    /// The account: `AC…`.
    account: Option<Spanned<String>>,
    /// Its token, such as `"${secret:twilio}"`.
    token: Option<Spanned<String>>,
    /// The number or messaging service that it comes from.
    from: Option<Spanned<String>>,
    /// A compatible gateway. Default: https://api.twilio.com.
    base_url: Option<Spanned<String>>,
    /// A gateway in the own network is meant.
    allow_private: bool,
}

/// A mail server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EmailSpec {
    /// The server's name.
    smtp: Option<Spanned<String>>,
    /// Its port. Default: 587, with `security: tls` 465.
    port: Option<Spanned<u16>>,
    /// `starttls`, which is the default, `tls`, or, within the own network, `none`.
    #[schemars(extend("enum" = ["starttls", "tls", "none"]))]
    security: Option<Spanned<String>>,
    /// Who logs in.
    user: Option<Spanned<String>>,
    /// The password, such as `"${secret:smtp}"`.
    password: Option<Spanned<String>>,
    /// The sender address.
    from: Option<Spanned<String>>,
    /// A server in the own network is meant.
    allow_private: bool,
}

/// What is said to people without a rule.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlertsSpec {
    /// Receivers that are told of faults of growctl itself and of the plant: a device at fault, a bus that is down, a store
    /// that cannot write, something that cannot be delivered.
    system: Several<Spanned<String>>,
}

impl AlertsSpec {
    pub(super) fn system(&self, receivers: &[Receiver], check: &mut Check<'_>) -> Vec<Name> {
        for name in self.system.iter().filter(|name| !receivers.iter().any(|one| *one.name == name.value)) {
            let message = format!("there is no receiver `{}`", name.value);
            let known: Vec<&str> = receivers.iter().map(|one| &*one.name).collect();
            check.report.error(check.file, name.place, message).did_you_mean(name, known);
        }
        self.system.iter().map(|name| Name::from(name.value.as_str())).collect()
    }
}

/// One who is told.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// The name that rules use.
    pub name: Name,
    /// The ways to reach it.
    pub outlets: Vec<Outlet>,
    /// From when to when only the most important is told.
    pub quiet: Option<Quiet>,
    /// At most so many messages an hour.
    pub most_per_hour: Option<u32>,
}

/// Everybody who is told.
pub(super) fn receivers(
    spec: &Entries<Spanned<ReceiverSpec>>,
    senders: &SendersSpec,
    check: &mut Check<'_>,
) -> Vec<Receiver> {
    let sms = senders.sms.as_ref().map(|sms| sms_sender(sms, check));
    let email = senders.email.as_ref().map(|email| email_sender(email, check));
    spec.iter().map(|(name, spec)| Ways { check, name, sms: &sms, email: &email }.receiver(spec)).collect()
}

/// Reads the ways to one receiver. The outer option of a sender: whether it is there; the inner one: whether it is right.
struct Ways<'a, 'b> {
    check: &'a mut Check<'b>,
    name: &'a Spanned<String>,
    sms: &'a Option<Option<sms::Config>>,
    email: &'a Option<Option<email::Config>>,
}

impl Ways<'_, '_> {
    fn receiver(&mut self, spec: &Spanned<ReceiverSpec>) -> Receiver {
        super::targets::check_name(self.name, self.check);
        let ways = [
            spec.sms.as_ref().and_then(|spec| self.sms(spec)),
            spec.email.as_ref().and_then(|spec| self.email(spec)),
            spec.push.as_ref().and_then(|spec| self.push(spec)),
            spec.webhook.as_ref().and_then(|spec| self.webhook(spec)),
        ];
        if spec.sms.is_none() && spec.email.is_none() && spec.push.is_none() && spec.webhook.is_none() {
            self.check.error(spec.place, "there is no way to reach it: write sms, email, push or webhook");
        }
        let pauses = self.check.pauses(spec.retry.as_ref(), LONGEST_PAUSE);
        let outlets = ways.into_iter().flatten().map(|kind| Outlet {
            name: Name::from(format!("{}/{}", self.name.value, kind.name())),
            class: Class::Alert,
            kind,
            most: 1,
            every: std::time::Duration::ZERO,
            keep_trying: KEEP_TRYING,
            pauses,
        });
        Receiver {
            name: Name::from(self.name.value.as_str()),
            outlets: outlets.collect(),
            quiet: spec.quiet.as_ref().and_then(|quiet| self.quiet(quiet)),
            most_per_hour: spec.most_per_hour.as_ref().map(|most| most.value.max(1)),
        }
    }

    fn sms(&mut self, spec: &Spanned<ToSpec>) -> Option<Kind> {
        let to = self.check.secret(&spec.to)?.expose().to_owned();
        let digits = to.strip_prefix('+').unwrap_or_default();
        if digits.len() < 6 || !digits.chars().all(|c| c.is_ascii_digit()) {
            self.check.error(spec.to.place, "expected a number with its country, such as \"+31600000001\"");
        }
        let Some(sender) = self.sms else {
            self.check.error(spec.place, "there is no `senders.sms`: who sends it?");
            return None;
        };
        sender.clone().map(|config| Kind::Sms(sms::Config { to, ..config }))
    }

    fn email(&mut self, spec: &Spanned<ToSpec>) -> Option<Kind> {
        let to = self.check.secret(&spec.to)?.expose().to_owned();
        check_address(&to, spec.to.place, self.check);
        let Some(sender) = self.email else {
            self.check.error(spec.place, "there is no `senders.email`: who sends it?");
            return None;
        };
        sender.clone().map(|config| Kind::Email(email::Config { to, ..config }))
    }

    fn push(&mut self, spec: &Spanned<PushSpec>) -> Option<Kind> {
        self.check.word(spec.service.as_ref(), &[("ntfy", ())]);
        let public = Spanned { value: "https://ntfy.sh".to_owned(), place: spec.place };
        let url = self.check.url(spec.place, spec.url.as_ref().or(Some(&public)), spec.allow_private);
        let topic = self.check.needed(spec.place, "topic", spec.topic.as_ref());
        let token = self.check.maybe(spec.token.as_ref());
        let url = url?.expose().trim_end_matches('/').to_owned();
        Some(Kind::Push(push::Config { url, topic: topic?, token, allow_private: spec.allow_private }))
    }

    fn webhook(&mut self, spec: &Spanned<WebhookSpec>) -> Option<Kind> {
        let url = self.check.url(spec.place, spec.url.as_ref(), spec.allow_private);
        let headers = self.check.headers(&spec.headers);
        let with = self.check.headers(&spec.with);
        let body = match (&spec.template, &spec.body) {
            (Some(template), None) => webhook::Body::Shipped(template.value.clone(), with),
            (None, Some(body)) => webhook::Body::Own(serde_json::to_value(&body.value).unwrap_or_default()),
            _ => {
                self.check.error(spec.place, "write either `template` or `body`: what is to be posted?");
                return None;
            }
        };
        let config = webhook::Config { url: url?, body, headers, allow_private: spec.allow_private };
        let place = spec.template.as_ref().map(|template| template.place).or(spec.body.as_ref().map(|body| body.place));
        if let Err(why) = webhook::check(&config) {
            self.check.error(place.unwrap_or(spec.place), why);
        }
        Some(Kind::Webhook(config))
    }

    fn quiet(&mut self, spec: &Spanned<QuietSpec>) -> Option<Quiet> {
        let words = [("critical", Severity::Critical), ("warning", Severity::Warning)];
        let except = self.check.word(spec.except.as_ref(), &words).unwrap_or(Severity::Critical);
        let mut time = |text: &Spanned<String>| {
            let found = jiff::civil::Time::strptime("%H:%M", &text.value).ok();
            if found.is_none() {
                self.check.error(text.place, format!("'{}' is no time of day, write \"22:00\"", text.value));
            }
            found
        };
        Some(Quiet { from: time(&spec.from)?, to: time(&spec.to)?, except })
    }
}

fn sms_sender(spec: &Spanned<SmsSpec>, check: &mut Check<'_>) -> Option<sms::Config> {
    check.word(spec.service.as_ref(), &[("twilio", ())]);
    let account = check.needed(spec.place, "account", spec.account.as_ref());
    let token = check.needed(spec.place, "token", spec.token.as_ref());
    let from = check.needed(spec.place, "from", spec.from.as_ref());
    let public = Spanned { value: "https://api.twilio.com".to_owned(), place: spec.place };
    let base_url = check.url(spec.place, spec.base_url.as_ref().or(Some(&public)), spec.allow_private);
    let account = account?.expose().to_owned();
    if !account.chars().all(|c| c.is_ascii_alphanumeric()) {
        check.error(spec.place, "an `account` has letters and digits only");
    }
    Some(sms::Config {
        account,
        token: token?,
        from: from?.expose().to_owned(),
        to: String::new(),
        base_url: base_url?.expose().trim_end_matches('/').to_owned(),
        allow_private: spec.allow_private,
    })
}

fn email_sender(spec: &Spanned<EmailSpec>, check: &mut Check<'_>) -> Option<email::Config> {
    use email::Security;
    let words = [("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::None)];
    let security = check.word(spec.security.as_ref(), &words).unwrap_or_default();
    if security == Security::None && !spec.allow_private {
        check.error(spec.place, "`security: none` is for a server in your own network: with `allow_private: true`");
    }
    let host = check.needed(spec.place, "smtp", spec.smtp.as_ref());
    let from = check.needed(spec.place, "from", spec.from.as_ref());
    let (user, password) = (check.text(spec.user.as_ref()), check.maybe(spec.password.as_ref()));
    if spec.user.is_some() != spec.password.is_some() {
        check.error(spec.place, "`user` and `password` come together");
    }
    let from = from?.expose().to_owned();
    check_address(&from, spec.from.as_ref().map_or(spec.place, |from| from.place), check);
    let usual = if security == Security::Tls { 465 } else { 587 };
    Some(email::Config {
        host: host?.expose().to_owned(),
        port: spec.port.as_ref().map_or(usual, |port| port.value),
        security,
        login: user.zip(password),
        from,
        to: String::new(),
        allow_private: spec.allow_private,
    })
}

fn check_address(address: &str, place: Place, check: &mut Check<'_>) {
    let parts = address.split_once('@');
    if parts.is_none_or(|(user, host)| user.is_empty() || host.is_empty() || host.contains('@'))
        || address.contains(' ')
    {
        check.error(place, "expected an e-mail address such as grower@example.org");
    }
}
