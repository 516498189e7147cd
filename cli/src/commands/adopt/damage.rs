//! Complete files that lack records: the part that is kept, and the fate of the rest.
//!
//! A name alone proves no delivery: a copy may have been cut, or a disk may have lost its last
//! writes. The time of such a file is read again. Its whole lines stay under the name without an
//! end, and only the missing records are delivered beside them. A file with indistinguishable lines
//! is set aside under a name that is not output, and all of its time is delivered again.

use windlass_core::adopt::Content as Left;
use windlass_core::window::Window;
use windlass_sink::SinkError;
use windlass_sink::ndjson::{Folder, FolderFile, Kind, LastLine, delivered_bytes};

use super::content::{self, Content};
use super::files::Complete;

/// The change of a damaged file, made before its time is stored as not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Salvage {
    /// Its first bytes stay, under a name without an end.
    Keep { file: FolderFile, bytes: u64 },
    /// It leaves the output.
    SetAside { file: FolderFile },
}

/// A damaged file, and the changes that it needs.
#[derive(Debug, Default)]
pub(super) struct Damaged {
    /// The records that it keeps.
    pub(super) content: Option<Content>,
    /// The changes.
    pub(super) salvages: Vec<Salvage>,
}

impl Salvage {
    /// Makes the change. It can be made again after a stop.
    pub(super) fn carry_out(&self, folder: &Folder) -> Result<(), SinkError> {
        match self {
            Self::Keep { file, bytes } => folder.keep_beginning(file, *bytes),
            Self::SetAside { file } => folder.set_aside(file),
        }
    }
}

impl Damaged {
    /// The records that count as delivered.
    pub(super) fn left(&self) -> Left {
        match self.content {
            Some(_) => Left::Part,
            None => Left::Nothing,
        }
    }
}

/// Returns true if `complete` lacks bytes: it is empty, shorter than the delivery of its done
/// window `own`, or its last line is torn.
pub(super) fn is_damaged(complete: &Complete, own: Option<&Window>) -> anyhow::Result<bool> {
    let files = [
        (&complete.lines, Kind::Lines),
        (&complete.rejects, Kind::Rejects),
    ];
    for (file, kind) in files {
        let Some(file) = file else { continue };
        let expected = own.and_then(|own| delivered_bytes(own, kind)).unwrap_or(0);
        let last = LastLine::of(&file.path, file.bytes);
        let last = last.map_err(|error| anyhow::anyhow!("{}: {error}", file.path.display()))?;
        if file.bytes < expected || !last.is_some_and(|line| line.is_readable()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The part that a damaged file keeps. `has_older` is true if a file without an end exists for the
/// same window.
pub(super) fn salvage(complete: &Complete, has_older: bool) -> anyhow::Result<Damaged> {
    let mut damaged = Damaged::default();
    if let Some(file) = complete.rejects.clone() {
        damaged.salvages.push(Salvage::SetAside { file });
    }
    let Some(file) = complete.lines.clone() else {
        return Ok(damaged);
    };
    let content = content::read(&file.path)?;
    if has_older || content.records.is_empty() || content.nameless > 0 {
        damaged.salvages.push(Salvage::SetAside { file });
    } else {
        let bytes = content.whole_bytes;
        damaged.salvages.push(Salvage::Keep { file, bytes });
        damaged.content = Some(content);
    }
    Ok(damaged)
}
