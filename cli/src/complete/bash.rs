//! Bash. Readline breaks words at `:` and inserts what it is given as it stands, so the line itself is asked for, and what is
//! answered is quoted and cut for the place where it goes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine::complete;
use clap_complete::env::EnvCompleter;

use super::words::Line;

const LINE: &str = "_GROWCTL_LINE";
const BREAKS: &str = "_GROWCTL_BREAKS";

/// A `:`, `=` or `/` at the end is not the end of the word.
const SCRIPT: &str = r#"_growctl_complete() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(
        VARIABLE=bash _GROWCTL_LINE="${COMP_LINE:0:COMP_POINT}" _GROWCTL_BREAKS="$COMP_WORDBREAKS" \
            command PROGRAM -- growctl 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/:=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
if [[ ${BASH_VERSINFO[0]} -gt 4 || ( ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 ) ]]; then
    complete -o bashdefault -o nosort -F _growctl_complete growctl
else
    complete -o bashdefault -F _growctl_complete growctl
fi
"#;

pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(&self, var: &str, _: &str, _: &str, program: &str, to: &mut dyn Write) -> io::Result<()> {
        let program = format!("'{}'", program.replace('\'', r"'\''"));
        to.write_all(SCRIPT.replace("VARIABLE", var).replace("PROGRAM", &program).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        _: Vec<OsString>,
        folder: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let of_shell = |name| std::env::var(name).unwrap_or_default();
        let line = Line::split(&of_shell(LINE), &of_shell(BREAKS));
        let words: Vec<OsString> = line.words.iter().map(OsString::from).collect();
        super::remember_site(&words[..words.len() - 1]);
        let last = words.len() - 1;
        let all = complete(command, words, last, folder)?;
        let all: Vec<_> = all.iter().map(|candidate| candidate.get_value().to_string_lossy()).collect();
        // Bash shows no words about them: options only where one is begun, or nothing else can stand.
        let option = |text: &str| text.starts_with('-');
        let hide = !option(line.last()) && all.iter().any(|text| !option(text));
        let inserts = all.iter().filter(|text| !(hide && option(text))).filter_map(|text| line.insert(text));
        inserts.into_iter().try_for_each(|text| writeln!(to, "{text}"))
    }
}
