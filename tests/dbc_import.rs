//! `channels import`: what it makes of every DBC file of the vectors is a map that loads, also with its proposals for
//! devices.

use std::path::{Path, PathBuf};

use growctl_engine::channels::dbc::{Database, Import};
use growctl_engine::channels::{ChannelMap, load_with};
use growctl_engine::files::{Report, SourceFile, read_database};

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folders = [root.join("vectors/dbc"), root.join("vectors/own"), root.join("fixtures")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("it is there"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "dbc"));
    files.sort();
    files
}

fn import(path: &Path) -> (String, Database) {
    let mut report = Report::default();
    let file = read_database(Path::new(""), path, &mut report).expect("it can be read");
    let database = Database::load(&file, &mut report).unwrap_or_else(|| panic!("{}", report.render(false)));
    let import = Import { path: "own.dbc", name: "own", bus: "can0", room: "Flower Room", sender: None };
    (import.write(&database), database)
}

fn load(path: &Path, text: &str) -> ChannelMap {
    let mut report = Report::default();
    let database = |_: &Path, report: &mut Report| read_database(Path::new(""), path, report);
    let map = load_with(&SourceFile::new("channels.yaml", text), &database, &mut report);
    map.unwrap_or_else(|| panic!("{}:\n{}\n{text}", path.display(), report.render(false)))
}

/// The map with its proposals taken.
fn with_devices(text: &str) -> String {
    let Some((map, devices)) = text.split_once("\n# devices:\n") else { return text.to_owned() };
    let bare: Vec<&str> = devices.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    format!("{map}\ndevices:\n{}\n", bare.join("\n"))
}

#[test]
fn every_file_becomes_a_map_that_loads() {
    let (mut nodes, mut devices) = (0, 0);
    let files = files();
    assert!(files.len() > 85, "{}", files.len());
    for path in files {
        let (text, database) = import(&path);
        let map = load(&path, &text);
        let usable = database.messages().filter(|message| !message.layout.signals.is_empty() && message.id().is_some());
        assert!(map.nodes.len() <= usable.count());
        nodes += map.nodes.len();
        devices += load(&path, &with_devices(&text)).devices.len();
    }
    assert!(nodes > 400 && devices > 3, "{nodes} nodes, {devices} devices");
}

#[test]
fn nodes_have_their_senders_fields_their_units_and_what_the_gateway_sends_is_proposed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/site.dbc");
    let (text, _) = import(&path);
    let map = load(&path, &text);
    assert_eq!(&*map.nodes[0].source.channel, "sensor:update:Flower Room:RAIL");
    let fields: Vec<&str> = map.nodes[0].fields.iter().map(|field| &*field.name).collect();
    assert_eq!(fields, ["dim_actual", "ppfd", "heatsink_temp", "power"]);
    assert!(text.contains("HeatsinkTemp: heatsink_temp               # degC; -40 to 150"), "{text}");
    let devices = load(&path, &with_devices(&text)).devices;
    assert_eq!(
        devices.iter().map(|device| device.key.to_string()).collect::<Vec<_>>(),
        ["Flower Room/dim_level", "Flower Room/ramp_time"]
    );
}
