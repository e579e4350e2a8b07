//! Files on disk: read if they are texts of a bearable size; else said why not, in a way that helps.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::{Place, Report, SourceFile};

/// The largest file that is read at all.
const MAX_BYTES: u64 = 1 << 20;

/// Why a file is not read, and what to do about it.
type Why = (Place, String, Option<&'static str>);

/// Reads a file of a site folder, refusing what is far too large or no text.
pub fn read_file(folder: &Path, path: &Path, report: &mut Report) -> Option<Arc<SourceFile>> {
    match text(&folder.join(path)) {
        Ok(text) => Some(SourceFile::new(path, text)),
        Err((place, message, help)) => {
            let fault = report.error(&SourceFile::new(path, ""), place, message);
            fault.help = help.map(str::to_owned);
            None
        }
    }
}

fn text(path: &Path) -> Result<String, Why> {
    let meta = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    fits(&meta)?;
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    String::from_utf8(bytes).map_err(|error| no_text(error.as_bytes(), error.utf8_error().valid_up_to()))
}

/// A folder has no text, a pipe would be waited for, a huge file is an accident.
fn fits(meta: &Metadata) -> Result<(), Why> {
    if meta.is_dir() {
        return Err((Place::default(), "is a folder; a file is expected here".to_owned(), None));
    }
    if !meta.is_file() {
        return Err((Place::default(), "is no ordinary file".to_owned(), None));
    }
    if meta.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", meta.len());
        return Err((Place::default(), message, Some("is it the right file? split what is really that long")));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Why {
    let target = fs::read_link(path);
    let (message, help) = match (error.kind(), target) {
        (ErrorKind::NotFound, Ok(target)) => {
            let message = format!("is a symbolic link to {}, which does not exist", target.display());
            (message, Some("remove the link, or put back what it points to"))
        }
        (ErrorKind::NotFound, Err(_)) => ("does not exist".to_owned(), None),
        (ErrorKind::PermissionDenied, _) => (
            "cannot be read: permission denied".to_owned(),
            Some("let the user who runs growctl read it (chmod, chown)"),
        ),
        _ => (format!("cannot be read: {error}"), None),
    };
    (Place::default(), message, help)
}

/// Bytes that are no UTF-8, from `at`.
fn no_text(bytes: &[u8], at: usize) -> Why {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let message = "is UTF-16 text; UTF-8 is expected".to_owned();
        return (Place::default(), message, Some("save it as UTF-8 in the editor"));
    }
    let before = String::from_utf8_lossy(&bytes[..at]);
    let Place { line, column, .. } = Place::of_bytes(&before, at, 0);
    let message = format!("is not UTF-8 text: a byte in line {line}, column {column} is no character");
    (Place::default(), message, Some("save it as UTF-8 in the editor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(folder: &Path, name: &str) -> String {
        let mut report = Report::default();
        assert!(read_file(folder, Path::new(name), &mut report).is_none());
        report.render(false)
    }

    #[test]
    fn what_cannot_be_read_says_why_and_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        fs::create_dir(folder.join("folder.yaml")).expect("it is new");
        std::os::unix::fs::symlink("../gone.yaml", folder.join("link.yaml")).expect("it is new");
        std::os::unix::net::UnixListener::bind(folder.join("socket.yaml")).expect("it is new");
        fs::write(folder.join("latin.yaml"), b"a: b\nc: d\xe9\n").expect("it can be written");
        fs::write(folder.join("utf16.yaml"), b"\xff\xfea\0:\0").expect("it can be written");
        fs::write(folder.join("huge.yaml"), vec![b'#'; 2 << 20]).expect("it can be written");
        for (name, parts) in [
            ("folder.yaml", ["is a folder", "folder.yaml"]),
            ("link.yaml", ["symbolic link to ../gone.yaml, which does not exist", "remove the link"]),
            ("socket.yaml", ["no ordinary file", "socket.yaml"]),
            ("latin.yaml", ["line 2, column 5", "save it as UTF-8"]),
            ("utf16.yaml", ["is UTF-16 text", "save it as UTF-8"]),
            ("huge.yaml", ["2097152 bytes", "at most 1048576"]),
            ("none.yaml", ["does not exist", "none.yaml"]),
        ] {
            let said = said(folder, name);
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}
