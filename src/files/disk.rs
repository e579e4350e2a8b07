//! Files on disk: read if they are texts of a bearable size; else said why not, in a way that helps. Nothing that lies in
//! the place of a file can hold up the reader: no pipe, no device, no file without an end.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::{Place, Report, SourceFile};

/// The largest file that is read at all.
const MAX_BYTES: u64 = 1 << 20;
/// The largest DBC file: those of whole vehicle standards have several megabytes.
const MAX_DATABASE: u64 = 32 << 20;

/// `O_NONBLOCK`: opening a pipe that nobody writes into returns at once. Where its number is not known, the look at what the
/// path leads to, before it is opened, is all there is.
const NONBLOCK: i32 = if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc", target_arch = "sparc64"))
)) {
    0o4000
} else if cfg!(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd")) {
    0x4
} else {
    0
};

/// Why a file is not read, and what to do about it.
type Why = (Place, String, Option<&'static str>);

/// Reads a file of a site folder, refusing what is far too large or no text.
pub fn read_file(folder: &Path, path: &Path, report: &mut Report) -> Option<Arc<SourceFile>> {
    source(path, text(&folder.join(path)), report)
}

fn source(path: &Path, text: Result<String, Why>, report: &mut Report) -> Option<Arc<SourceFile>> {
    match text {
        Ok(text) => Some(SourceFile::new(path, text)),
        Err((place, message, help)) => {
            let fault = report.error(&SourceFile::new(path, ""), place, message);
            fault.help = help.map(str::to_owned);
            None
        }
    }
}

/// Reads a DBC file with the same care. Such files are older than UTF-8: what is none is taken as Windows-1252.
pub fn read_database(folder: &Path, path: &Path, report: &mut Report) -> Option<Arc<SourceFile>> {
    let at = folder.join(path);
    let bytes = fs::metadata(&at).map_err(|error| unreadable(&at, &error)).and_then(|meta| {
        fits(&meta, MAX_DATABASE)?;
        contents(&at, MAX_DATABASE)
    });
    let text = bytes.and_then(|bytes| match utf16(&bytes) {
        Some(why) => Err(why),
        None => Ok(String::from_utf8(bytes).unwrap_or_else(|error| windows_1252(error.as_bytes()))),
    });
    source(path, text, report)
}

/// Every byte is a character: 0x80 to 0x9F as Windows has them, the others as in Unicode.
fn windows_1252(bytes: &[u8]) -> String {
    const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let high: Vec<char> = HIGH.chars().collect();
    let character = |byte: &u8| match byte {
        0x80..=0x9F => high[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    bytes.iter().map(character).collect()
}

/// Reads a small file that is no part of the site's texts, as a secret, with the same care.
///
/// # Errors
/// It cannot be read, is no ordinary file, too large, or no UTF-8 text.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(path).map_err(|(_, message, _)| io::Error::other(message))
}

fn text(path: &Path) -> Result<String, Why> {
    let meta = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    // Before it is opened: some devices act when they are.
    fits(&meta, MAX_BYTES)?;
    let bytes = contents(path, MAX_BYTES)?;
    String::from_utf8(bytes).map_err(|error| no_text(error.as_bytes(), error.utf8_error().valid_up_to()))
}

/// What is in a file: judged by the opened file itself, as another may have taken its place.
fn contents(path: &Path, most: u64) -> Result<Vec<u8>, Why> {
    let open = File::options().read(true).custom_flags(NONBLOCK).open(path);
    let mut file = open.map_err(|error| unreadable(path, &error))?;
    fits(&file.metadata().map_err(|error| unreadable(path, &error))?, most)?;
    bounded(&mut file, most)
        .map_err(|error| unreadable(path, &error))?
        .ok_or_else(|| too_long(format!("more than {most}"), most))
}

/// All of it; `None` if it does not end in time, whatever length it claims to have.
fn bounded(from: &mut impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

fn too_long(length: String, most: u64) -> Why {
    let message = format!("the file has {length} bytes; at most {most} are read");
    (Place::default(), message, Some("is it the right file? split what is really that long"))
}

/// A folder has no text, a pipe would be waited for, a huge file is an accident.
fn fits(meta: &Metadata, most: u64) -> Result<(), Why> {
    if meta.is_dir() {
        return Err((Place::default(), "is a folder; a file is expected here".to_owned(), None));
    }
    if !meta.is_file() {
        return Err((Place::default(), "is no ordinary file".to_owned(), None));
    }
    if meta.len() > most {
        return Err(too_long(meta.len().to_string(), most));
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

fn utf16(bytes: &[u8]) -> Option<Why> {
    let message = || "is UTF-16 text; UTF-8 is expected".to_owned();
    let marked = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    marked.then(|| (Place::default(), message(), Some("save it as UTF-8 in the editor")))
}

/// Bytes that are no UTF-8, from `at`.
fn no_text(bytes: &[u8], at: usize) -> Why {
    if let Some(why) = utf16(bytes) {
        return why;
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
    fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe.yaml");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo is there").success());
        assert!(said(folder.path(), "pipe.yaml").contains("no ordinary file"));
        // As if it had taken the place of a file after the first look.
        let bell = crate::model::Doorbell::new();
        let answered = Arc::new(std::sync::Mutex::new(false));
        let (ring, path, told) = (bell.clone(), pipe.clone(), answered.clone());
        let reads = std::thread::spawn(move || {
            let read = contents(&path, MAX_BYTES);
            *told.lock().expect("no panic") = true;
            ring.ring();
            read
        });
        bell.wait(std::time::Duration::from_secs(10));
        // A reader that waits for the pipe is let go, so that the test ends.
        let _writer = File::options().read(true).write(true).open(&pipe).expect("it is there");
        assert!(*answered.lock().expect("no panic"), "it waits for the pipe");
        assert!(reads.join().expect("it does not panic").is_err_and(|(_, why, _)| why.contains("no ordinary file")));
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        assert!(bounded(&mut io::repeat(b'#'), MAX_BYTES).is_ok_and(|read| read.is_none()));
        assert!(bounded(&mut &b"a"[..], MAX_BYTES).is_ok_and(|read| read.is_some_and(|bytes| bytes == b"a")));
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yaml")).expect("it is new");
        assert!(said(folder.path(), "zero.yaml").contains("no ordinary file"));
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
