//! The JSON schemas of the files that a user writes, for editors: one a kind of file, made from what reads it.

use crate::channels::spec::MapSpec;
use crate::files::schema::schema_of;
use crate::rules::RuleSpec;

use super::rule_test::FileSpec;
use super::settings::SettingsSpec;

/// A kind of file that a user writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `rules/<name>.yaml`.
    Rule,
    /// `channels.yaml`.
    Channels,
    /// `growctl.yaml`.
    Settings,
    /// `rules/<name>_test.yaml`.
    Test,
}

impl FileKind {
    /// All of them.
    pub const ALL: [FileKind; 4] = [FileKind::Rule, FileKind::Channels, FileKind::Settings, FileKind::Test];

    /// As it is called on the command line; its schema is `schemas/<name>.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FileKind::Rule => "rule",
            FileKind::Channels => "channels",
            FileKind::Settings => "settings",
            FileKind::Test => "test",
        }
    }

    /// Its JSON schema, draft 2020-12, as the text of a file.
    #[must_use]
    pub fn schema(self) -> String {
        let schema = match self {
            FileKind::Rule => schema_of::<RuleSpec>("growctl rule: rules/<name>.yaml"),
            FileKind::Channels => schema_of::<MapSpec>("growctl channel map: channels.yaml"),
            FileKind::Settings => schema_of::<SettingsSpec>("growctl settings: growctl.yaml"),
            FileKind::Test => schema_of::<FileSpec>("growctl rule test: rules/<name>_test.yaml"),
        };
        format!("{schema:#}\n")
    }
}
