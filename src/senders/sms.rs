//! `sms`: a text message by the REST API of Twilio, or of a gateway that speaks it.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use reqwest::{Method, Url};
use serde::Deserialize;

use super::answer::Audience;
use super::censor::{form, shorten};
use super::client::{Client, Limits, Login, Reach};
use super::each::{Knock, each};
use super::{Sender, SenderContext, Sending, Transcript, words};

use crate::model::{Note, Parcel, Secret, Utc};

/// So many characters in one message: 3 to 7 of those that are paid for.
const MOST: usize = 480;

/// So many bytes of a list of replies are read; 50 of the longest fit.
const MOST_REPLIES: usize = 256 * 1024;

/// What it needs to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The account: `AC…`.
    pub account: String,
    /// Its token.
    pub token: Secret,
    /// The number or service that it comes from.
    pub from: String,
    /// The number that it goes to.
    pub to: String,
    /// `https://api.twilio.com`, or a compatible gateway.
    pub base_url: String,
    /// A gateway in the private network is meant.
    pub allow_private: bool,
}

/// Builds it.
///
/// # Errors
/// Why it can never work as it is told.
pub fn sender(config: &Config, context: &SenderContext) -> Result<Box<dyn Sender>, String> {
    Ok(Box::new(build(config, context, Limits::default())?))
}

fn build(config: &Config, context: &SenderContext, limits: Limits) -> Result<Sms, String> {
    let fine = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !fine(&config.account) {
        return Err(format!("{:?} is no account: expected letters and digits, as in AC0123…", config.account));
    }
    for number in [&config.from, &config.to] {
        if number.trim().is_empty() || number.chars().any(char::is_control) {
            return Err(format!("{number:?} is no number: expected one as in +31600000001"));
        }
    }
    let secrets = [&config.token];
    let reach =
        Reach { url: &config.base_url, url_is_secret: false, allow_private: config.allow_private, secrets: &secrets };
    let login = Login::Basic(config.account.clone(), config.token.clone());
    let client = Client::new(reach, Some(login), context, limits)?;
    let url = client.at(&format!("/2010-04-01/Accounts/{}/Messages.json", config.account));
    Ok(Sms { client, url, from: config.from.clone(), to: config.to.clone() })
}

#[derive(Debug)]
struct Sms {
    client: Client,
    url: Url,
    from: String,
    to: String,
}

impl Sender for Sms {
    fn send<'a>(&'a mut self, parcels: &'a [Parcel]) -> Sending<'a> {
        let sms: &'a Sms = self;
        let knock = Knock { client: &sms.client, to: Audience::Person };
        Box::pin(each(knock, parcels, move |parcel| {
            let note = words::note(parcel)?;
            let from = if sms.from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
            let body = text(&note, parcel.tries);
            let form = form(&[("To", &sms.to), (from, &sms.from), ("Body", &body)]);
            let mut request = sms.client.post("application/x-www-form-urlencoded", form);
            request.readable = Some(format!("To={} {from}={} Body={body}", sms.to, sms.from));
            request.url = sms.url.clone();
            Ok(request)
        }))
    }
}

/// What stands at the end, how to acknowledge it, is never cut off.
fn text(note: &Note, tries: u32) -> String {
    let end = match &*note.ack {
        "" => String::new(),
        ack => format!("\nAnswer 'ok {ack}'."),
    };
    let head = format!("{} {}", note.site, words::head(note));
    let said = words::circumstances(note, tries);
    let mut lines = vec![format!("{}:{said} {}", head.trim(), note.summary)];
    lines.extend(note.details.iter().cloned());
    let room = MOST.saturating_sub(end.chars().count());
    shorten(&lines.join("\n"), room) + &end
}

/// What somebody has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Unique for ever, by which one that is read twice is known.
    pub id: String,
    /// The number that it comes from.
    pub from: String,
    /// What it says.
    pub text: String,
    /// When it came.
    pub at: Utc,
}

/// What has come in since a moment, the oldest first, from anybody: 50 at most, the newest ones.
///
/// # Errors
/// Nobody answered, or not as expected; holds no secret.
pub async fn replies(config: &Config, since: Utc) -> Result<Vec<Reply>, String> {
    read_replies(config, since, Limits::default()).await
}

async fn read_replies(config: &Config, since: Utc, limits: Limits) -> Result<Vec<Reply>, String> {
    let (zone, transcript) = (TimeZone::UTC, Transcript::default());
    let context = SenderContext { folder: ".".into(), zone, site: String::new(), transcript };
    let sms = build(config, &context, limits)?;
    let mut request = sms.client.post("application/x-www-form-urlencoded", "");
    request.method = Method::GET;
    request.most = MOST_REPLIES;
    request.url = sms.url.clone();
    // Twilio looks at the day alone, in UTC; the moment is judged here.
    let day = Timestamp::from_nanosecond(i128::from(since.0)).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    request.url.query_pairs_mut().extend_pairs([("PageSize", "50"), ("DateSent>", &day)]);
    if !sms.from.starts_with("MG") {
        request.url.query_pairs_mut().append_pair("To", &sms.from);
    }
    let answer = sms.client.ask(request).await?;
    if !answer.status.is_success() {
        return Err(answer.words(""));
    }
    let list: List = serde_json::from_str(&answer.body)
        .map_err(|error| answer.words(&format!(", but no list of messages ({error})")))?;
    Ok(list.since(since))
}

#[derive(Deserialize)]
struct List {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    sid: String,
    from: String,
    body: Option<String>,
    direction: String,
    date_sent: Option<String>,
}

impl List {
    fn since(self, since: Utc) -> Vec<Reply> {
        let inbound = self.messages.into_iter().filter(|message| message.direction == "inbound");
        let replies = inbound.filter_map(|message| {
            let at = rfc2822::parse(&message.date_sent?).ok()?.timestamp().as_nanosecond();
            let at = Utc(i64::try_from(at).ok()?);
            Some(Reply { id: message.sid, from: message.from, text: message.body.unwrap_or_default(), at })
        });
        // Twilio's moments have no fractions: what came in the same second has come since.
        let second = Utc(since.0 - since.0.rem_euclid(1_000_000_000));
        let mut replies: Vec<Reply> = replies.filter(|reply| reply.at >= second).collect();
        replies.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        replies
    }
}

/// What an answer acknowledges, to be looked up among the alerts that fire: what follows `ok`, as it was typed, such as the
/// code in `ok 3f`. Empty for a mere `ok`: all that the one who answers was told. `None`: it acknowledges nothing. What is not
/// found may be a person's own words, as in `ok thanks`.
#[must_use]
pub fn acknowledges(text: &str) -> Option<String> {
    let odd = |c: char| !c.is_alphanumeric();
    let text = text.trim_matches(odd);
    let (first, rest) = text.split_once(odd).unwrap_or((text, ""));
    let agrees = ["ok", "okay", "ack"].iter().any(|word| first.eq_ignore_ascii_case(word));
    agrees.then(|| rest.trim_matches(odd).to_owned())
}

#[cfg(test)]
#[path = "sms_tests.rs"]
mod tests;
