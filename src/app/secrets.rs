//! `${secret:NAME}` and `${env:NAME}` in settings: the file holds the name, never the secret.

use std::path::Path;

use crate::files::read_text;
use crate::model::Secret;

/// Replaces every `${secret:NAME}` (the file `secrets/NAME` of the site, or a systemd credential) and `${env:NAME}`.
///
/// # Errors
/// Says which secret is missing or open to others, in one phrase; never shows one.
pub(super) fn expand(text: &str, folder: &Path) -> Result<Secret, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` without its `}`")?;
        out.push_str(before);
        out.push_str(&look_up(name, folder)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(Secret::new(out))
}

fn look_up(name: &str, folder: &Path) -> Result<String, String> {
    if let Some(name) = name.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| format!("the environment has no {name}"));
    }
    let Some(name) = name.strip_prefix("secret:") else {
        return Err(format!("`${{{name}}}` is not known: write ${{secret:NAME}} or ${{env:NAME}}"));
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        return Err(format!("'{name}' is no name of a secret: letters, digits, - and _ only"));
    }
    let own = folder.join("secrets").join(name);
    if own.exists() {
        return read_private(&own);
    }
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(name));
    match credential.filter(|path| path.exists()) {
        Some(path) => read_text(&path).map(|text| text.trim_end().to_owned()).map_err(|e| e.to_string()),
        None => Err(format!("there is no file secrets/{name} and no systemd credential of that name")),
    }
}

fn read_private(path: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = |error: std::io::Error| format!("secrets/{shown} cannot be read: {error}");
    let mode = std::fs::metadata(path).map_err(wrong)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("secrets/{shown} is open to others (mode {:o}): chmod 600 it", mode & 0o777));
    }
    read_text(path).map(|text| text.trim_end().to_owned()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_come_from_private_files_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secrets").join("redis");
        std::fs::create_dir(folder.path().join("secrets")).expect("it can be made");
        std::fs::write(&path, "hunter2\n").expect("it can be written");
        let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        set(0o644);
        assert!(expand("${secret:redis}", folder.path()).is_err_and(|why| why.contains("chmod 600")));
        set(0o600);
        let secret = expand("redis://:${secret:redis}@host", folder.path()).expect("it is private");
        assert_eq!((secret.expose(), format!("{secret:?}").as_str()), ("redis://:hunter2@host", "***"));
        for bad in ["${secret:../x}", "${secret:none}", "${secret:redis", "${password}"] {
            assert!(expand(bad, folder.path()).is_err(), "{bad}");
        }
    }
}
