//! `decode --dbc` and `channels import` with the built binary, without a site.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DATABASE: &str = r#"BO_ 256 Climate: 8 Node
 SG_ Probe M : 0|8@1+ (1,0) [0|0] "" Gateway
 SG_ Temperature m1 : 23|16@0- (0.1,-40) [0|0] "degC" Gateway
 SG_ Total m2 : 8|32@1- (1,0) [0|0] "L" Gateway
 SG_ State : 63|2@0+ (1,0) [0|3] "" Gateway

BO_ 2147484417 Wide: 8 Node
 SG_ Count : 0|64@1+ (1,0) [0|0] "" Gateway

VAL_ 256 State 0 "ok" 1 "warming up" ;
SIG_VALTYPE_ 256 Total : 1;
"#;

const LOG: &str = "(1735270496.916858) vcan3 100#0100000F00000040
(1735270497.000000) vcan3 100#0200C0FF7F000000
(1735270497.100000) vcan3 100#0300000000000000
(1735270497.200000) vcan3 100#02000040
(1735270498.000000) vcan3 00000301#FFFFFFFFFFFFFFFF
(1735270499.000000) vcan4 301#00
(1735270499.100000) vcan3 7AA#0102
(1735270499.200000) vcan3 100#R8
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("node.dbc"), DATABASE).expect("it can be written");
    std::fs::write(folder.path().join("night.log"), LOG).expect("it can be written");
    folder
}

fn growctl(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growctl"));
    command.current_dir(folder).args(args).output().expect("growctl runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn frames_are_decoded_by_a_dbc_file_alone() {
    let folder = folder();
    let output = growctl(folder.path(), &["decode", "--dbc", "node.dbc", "--log", "night.log"]);
    assert!(output.status.success(), "{}", said(&output));
    let expected = [
        r#"{"ts":1735270496.916858,"bus":"vcan3","id":"0x100","frame":"Climate","signals":{"Probe":1,"Temperature":-38.5,"State":1},"named":{"State":"warming up"}}"#,
        r#"{"ts":1735270497.0,"bus":"vcan3","id":"0x100","frame":"Climate","signals":{"Probe":2,"Total":null,"State":0},"named":{"State":"ok"},"quality":{"Total":"invalid"}}"#,
        r#"{"ts":1735270497.1,"bus":"vcan3","id":"0x100","frame":"Climate","signals":{"Probe":3,"State":0},"named":{"State":"ok"}}"#,
        r#"{"ts":1735270497.2,"bus":"vcan3","id":"0x100","frame":"Climate","signals":{"Probe":2},"quality":{"Total":"short","State":"short"}}"#,
        r#"{"ts":1735270498.0,"bus":"vcan3","id":"0x00000301","frame":"Wide","signals":{"Count":18446744073709551615}}"#,
    ];
    assert_eq!(out(&output).lines().collect::<Vec<_>>(), expected);
    let told = said(&output);
    for part in ["8 frames: 5 decoded", "2 of unknown ids (vcan3 0x7AA: 1, vcan4 0x301: 1)", "1 remote request"] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let all = growctl(folder.path(), &["decode", "--dbc", "node.dbc", "--log", "night.log", "--all"]);
    assert!(out(&all).contains(r#""interface":"vcan3","id":"0x7AA","kind":"data","data":"0102""#), "{}", out(&all));
}

#[test]
fn of_several_files_the_first_that_has_an_id_counts() {
    let folder = folder();
    let other = "BO_ 256 Other: 1 X\n SG_ a : 0|8@1+ (1,0) [0|0] \"\" Y\nBO_ 1962 More: 1 X\n SG_ a : 0|8@1+ (0.5,0) [0|0] \"\" Y\n";
    std::fs::write(folder.path().join("more.dbc"), other).expect("it can be written");
    let output = growctl(folder.path(), &["decode", "--dbc", "node.dbc", "--dbc", "more.dbc", "--log", "night.log"]);
    assert!(out(&output).contains(r#""frame":"More","signals":{"a":0.5}"#), "{}", out(&output));
    assert!(!out(&output).contains("Other"));
    assert!(said(&output).contains("0x100 is Other here, and Climate in node.dbc"), "{}", said(&output));
}

#[test]
fn a_wrong_dbc_file_ends_with_2_and_the_place() {
    let folder = folder();
    let path: PathBuf = folder.path().join("node.dbc");
    std::fs::write(&path, DATABASE.replace("23|16@0-", "23|16@0~")).expect("it can be written");
    for args in [&["decode", "--dbc", "node.dbc", "--log", "night.log"][..], &["channels", "import", "node.dbc"]] {
        let output = growctl(folder.path(), args);
        assert_eq!((output.status.code(), out(&output)), (Some(2), String::new()), "{args:?}");
        assert!(said(&output).contains("node.dbc:3:30"), "{}", said(&output));
    }
    let output = growctl(folder.path(), &["decode", "--dbc", "none.dbc", "--log", "night.log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("does not exist"), "{}", said(&output));
}

#[test]
fn an_imported_map_passes_check_and_nothing_is_overwritten() {
    let folder = folder();
    let args = ["channels", "import", "node.dbc", "--room", "Veg Room", "--output", "channels.yaml"];
    let output = growctl(folder.path(), &args);
    assert!(output.status.success(), "{}", said(&output));
    std::fs::create_dir(folder.path().join("rules")).expect("it is new");
    let check = growctl(folder.path(), &["check"]);
    assert_eq!(
        (check.status.code(), out(&check)),
        (Some(0), "fine: 1 bus, 2 node frames, 0 devices, 0 rules\n".into())
    );
    let list = out(&growctl(folder.path(), &["channels", "list"]));
    assert!(list.contains("sensor:update:Veg Room:Node") && list.contains("23|16@0- when Probe = 1"), "{list}");
    let again = growctl(folder.path(), &args);
    assert_eq!(again.status.code(), Some(2));
    assert!(said(&again).contains("nothing is overwritten"));
    let shown = growctl(folder.path(), &["channels", "import", "node.dbc", "--room", "Veg Room"]);
    let written = std::fs::read_to_string(folder.path().join("channels.yaml")).expect("it was written");
    assert_eq!(out(&shown), written);
}

#[test]
fn groups_of_j1939_are_found_whoever_sends_them_and_floats_have_their_texts() {
    let folder = folder();
    let database = r#"BO_ 2364540158 Engine: 8 Node
 SG_ Speed : 24|16@1+ (0.125,0) [0|0] "rpm" Gateway

BO_ 2364539920 Starter: 8 Node
 SG_ Speed : 24|16@1+ (1,0) [0|0] "rpm" Gateway

BO_ 2565865214 Asked: 8 Node
 SG_ Level : 0|32@1- (0.5,0) [0|0] "%" Gateway

BO_ 2566844670 Exact: 8 Node
 SG_ Level : 0|8@1+ (1,0) [0|0] "%" Gateway

BA_DEF_ BO_ "VFrameFormat" ENUM "StandardCAN","ExtendedCAN","reserved","J1939PG";
BA_DEF_DEF_ "VFrameFormat" "ExtendedCAN";
BA_ "VFrameFormat" BO_ 2364540158 3;
BA_ "VFrameFormat" BO_ 2565865214 3;
VAL_ 2565865214 Level -2 "below" 1 "full" ;
SIG_VALTYPE_ 2565865214 Level : 1;
"#;
    let log = "(1.000000) can0 0CF004FE#FFFFFF6813FFFFFF\n(2.000000) can0 18F00417#FFFFFF6813FFFFFF\n(3.000000) can0 0CF00410#FFFFFF6813FFFFFF\n\
               (4.000000) can0 18EF1203#0000F03F00000000\n(5.000000) can0 18EFFFFE#CDCC0CC000000000\n(6.000000) can0 18FEF117#01FFFFFFFFFFFFFF\n";
    std::fs::write(folder.path().join("node.dbc"), database).expect("it can be written");
    std::fs::write(folder.path().join("night.log"), log).expect("it can be written");
    let output = growctl(folder.path(), &["decode", "--dbc", "node.dbc", "--log", "night.log"]);
    let expected = [
        r#"{"ts":1.0,"bus":"can0","id":"0x0CF004FE","frame":"Engine","signals":{"Speed":621.0}}"#,
        r#"{"ts":2.0,"bus":"can0","id":"0x18F00417","frame":"Engine","signals":{"Speed":621.0}}"#,
        r#"{"ts":3.0,"bus":"can0","id":"0x0CF00410","frame":"Starter","signals":{"Speed":4968}}"#,
        r#"{"ts":4.0,"bus":"can0","id":"0x18EF1203","frame":"Asked","signals":{"Level":0.9375},"named":{"Level":"full"}}"#,
        r#"{"ts":5.0,"bus":"can0","id":"0x18EFFFFE","frame":"Asked","signals":{"Level":-1.100000023841858},"named":{"Level":"below"}}"#,
    ];
    assert_eq!(out(&output).lines().collect::<Vec<_>>(), expected, "{}", said(&output));
    assert!(said(&output).contains("1 of unknown ids (can0 0x18FEF117: 1)"), "not marked as J1939: {}", said(&output));
}
