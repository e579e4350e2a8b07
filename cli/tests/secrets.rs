//! No secret is shown: every place of growctl.yaml that takes one gets a canary, everything fails, and whatever growctl says or
//! writes is searched for it.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use engine::Engine;
use support::{copy_site, growctl, wait_for};

const CANARY: &str = "canary7f3a9c";

/// Nobody listens on port 1.
const SETTINGS: &str = r#"
redis: {embedded: false}
receivers:
  boss:
    sms: {to: "+31600000001"}
    email: {to: grower@example.org}
    push: {url: "http://127.0.0.1:1", topic: "${secret:canary}", token: "${secret:canary}", allow_private: true}
    webhook: {url: "http://127.0.0.1:1/${secret:canary}", body: {text: "{{summary}}"}, headers: {X-Key: "${secret:canary}"}, allow_private: true}
    retry: {first: 50ms, longest: 100ms}
senders:
  sms: {account: AC1, token: "${secret:canary}", from: "+15550000001", base_url: "http://127.0.0.1:1", allow_private: true}
  email: {smtp: 127.0.0.1, port: 1, user: me, password: "${secret:canary}", from: me@example.org, allow_private: true}
targets:
  web: {kind: http, url: "http://127.0.0.1:1/${secret:canary}", auth: {bearer: "${secret:canary}"}, allow_private: true}
  signed: {kind: http, url: "http://127.0.0.1:1/", auth: {hmac: "${secret:canary}"}, allow_private: true}
  influx: {kind: influx, url: "http://127.0.0.1:1", bucket: b, org: o, token: "${secret:canary}", allow_private: true}
  postgres: {kind: postgres, url: "postgres://me:${secret:canary}@127.0.0.1:1/db", allow_private: true}
  mqtt: {kind: mqtt, url: "mqtt://127.0.0.1:1", user: me, password: "${secret:canary}", allow_private: true}
"#;

const RULE: &str = "subscribe: \"sensor:update\"\neach: |\n  for target in [\"web\", \"signed\", \"influx\", \"postgres\", \"mqtt\"] { send(target, msg); }\n  \
                    notify(\"boss\", \"hello\");\n";

/// Every file below a folder, but for the secret itself.
fn search(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("it can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("secrets") {
                search(&path, found);
            }
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn a_secret_is_in_nothing_that_growctl_says_or_writes() {
    let site = copy_site(SETTINGS);
    let secrets = site.path().join("secrets");
    std::fs::create_dir(&secrets).expect("it can be made");
    std::fs::write(secrets.join("canary"), CANARY).expect("it can be written");
    std::fs::set_permissions(secrets.join("canary"), std::fs::Permissions::from_mode(0o600)).expect("its mode");
    std::fs::write(site.path().join("rules/all.yaml"), RULE).expect("it can be written");
    let engine = Engine::start(site, None);
    let outlets =
        ["boss/sms", "boss/email", "boss/push", "boss/webhook", "web", "signed", "influx", "postgres", "mqtt"];
    wait_for("every outlet having failed", || {
        let stats = String::from_utf8_lossy(&engine.ask(&["--format", "json", "outbox", "stats"]).stdout).into_owned();
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap_or_default();
        let stats = stats["outlets"].as_array().cloned().unwrap_or_default();
        outlets.iter().all(|outlet| stats.iter().any(|one| one["to"] == *outlet && one["last_error"].is_string()))
    });
    let mut said = String::new();
    for args in [
        &["status"][..],
        &["--format", "json", "status"],
        &["check"],
        &["outbox", "list"],
        &["--format", "json", "outbox", "list"],
        &["outbox", "show", "1"],
        &["outbox", "stats"],
        &["alert", "list"],
        &["notify", "test", "boss"],
        &["--format", "json", "notify", "test", "boss"],
    ] {
        let told = engine.ask(args);
        said +=
            &format!("{args:?}: {}{}\n", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    }
    let mut found = Vec::new();
    search(engine.site.path(), &mut found);
    let folder = engine.site.path().to_owned();
    let check = growctl(&folder).arg("check").output().expect("growctl starts");
    said += &String::from_utf8_lossy(&check.stderr);
    let (_, log) = engine.stop();
    let shown = said.lines().chain(log.lines()).filter(|line| line.contains(CANARY)).collect::<Vec<_>>();
    assert!(shown.is_empty(), "{shown:#?}");
    assert!(found.is_empty(), "{found:?}");
    assert!(log.contains("boss/email fails") && log.contains("postgres fails"), "{log}");
}
