//! `schemas/` is what `growctl schema` prints: editors are told what this version reads. `UPDATE_GOLDEN=1` writes it anew.

#[allow(dead_code, reason = "other golden tests use the rest of it")]
mod support;

use std::path::Path;

use growctl_engine::app::FileKind;

#[test]
fn the_schemas_of_the_repository_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut wrong = Vec::new();
    for kind in FileKind::ALL {
        support::compare(&folder.join(format!("{}.json", kind.name())), &kind.schema(), &mut wrong);
    }
    support::conclude(&wrong);
}
