//! Output of a difference, for people and for scripts.

use serde_json::{Value, json};
use windlass_core::duration::Exact;
use windlass_core::source::{Policy, SourceRecord};
use windlass_core::window::Window;

use super::{Change, Difference, FieldChange, SourceDifference, changes};
use crate::output::{Paint, shortened, time};

/// Maximum number of listed windows; further ones are only counted.
const WINDOWS_SHOWN_MAX: usize = 5;
/// Maximum length of a reason.
const REASON_CHARS_MAX: usize = 160;

impl Change {
    /// The mark before a source.
    const fn mark(self) -> char {
        match self {
            Self::New => '+',
            Self::Changed | Self::Again => '~',
            Self::Paused => '-',
            Self::Same | Self::Unnamed | Self::Elsewhere => '=',
        }
    }

    /// The name in JSON.
    const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Again => "again",
            Self::Same => "unchanged",
            Self::Paused => "paused",
            Self::Unnamed => "left_alone",
            Self::Elsewhere => "of_another_file",
        }
    }
}

impl Difference {
    /// The changes: each written source, and the number of the others.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let written = self.sources.iter().filter(|source| source.is_written());
        let mut text: String = written.map(|source| source.text(paint)).collect();
        match self.count(Change::Same) {
            0 => {}
            1 => text.push_str("= 1 source is unchanged\n"),
            many => text.push_str(&format!("= {many} sources are unchanged\n")),
        }
        let unnamed = self.names_of(Change::Unnamed);
        if !unnamed.is_empty() {
            let (are, prune) = match unnamed.len() {
                1 => ("1 source of the state is", "pauses it"),
                many => (&*format!("{many} sources of the state are"), "pauses them"),
            };
            text.push_str(&format!(
                "= {are} not in the configuration and left unchanged (`--prune` {prune}): {}\n",
                shortened(&unnamed.join(", "), REASON_CHARS_MAX)
            ));
        }
        let elsewhere = self.names_of(Change::Elsewhere);
        if !elsewhere.is_empty() {
            let are = match elsewhere.len() {
                1 => "1 source of the state is".to_owned(),
                many => format!("{many} sources of the state are"),
            };
            text.push_str(&format!(
                "= {are} from files that this configuration does not read, and left unchanged: \
                 {}\n",
                shortened(&elsewhere.join(", "), REASON_CHARS_MAX)
            ));
        }
        text
    }

    fn names_of(&self, change: Change) -> Vec<&str> {
        let alike = self.sources.iter().filter(|it| it.change == change);
        alike.map(|it| it.wanted.name.as_str()).collect()
    }

    /// The JSON form, one entry per source.
    pub(crate) fn to_json(&self) -> Value {
        self.sources.iter().map(SourceDifference::to_json).collect()
    }
}

impl SourceDifference {
    fn text(&self, paint: Paint) -> String {
        let name = &self.wanted.name;
        let mark = self.change.mark();
        let mut text = paint.marked(mark, &format!("{mark} {name}{}", self.remark()));
        text.push('\n');
        if matches!(self.change, Change::New | Change::Changed) {
            for field in self.fields() {
                text.push_str(&format!(
                    "    {}\n",
                    line(&field, self.change == Change::New)
                ));
            }
        }
        for effect in self.effects() {
            text.push_str(&format!("    {effect}\n"));
        }
        text
    }

    fn remark(&self) -> &'static str {
        match self.change {
            Change::Again => ": unchanged, to be retried",
            Change::Paused => ": not in the configuration, is paused",
            _ => "",
        }
    }

    fn fields(&self) -> Vec<FieldChange> {
        let stored = self.stored.as_ref().map(|record| &record.definition);
        changes(stored, &self.wanted)
    }

    /// The effects of the change that its fields do not show.
    fn effects(&self) -> Vec<String> {
        let Some(SourceRecord {
            definition,
            blocked,
            held_since,
            ..
        }) = &self.stored
        else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        if self.left_behind().is_some() {
            effects.push(format!(
                "its connector, parameters or origin change: a new timeline starts at {}",
                time(self.wanted.start)
            ));
        } else {
            if self.wanted.start < definition.start {
                effects.push("the time before the present start is backfilled".to_owned());
            }
            effects.extend(cut_with_less(&definition.policy, &self.wanted.policy));
        }
        if let (Some(blocked), true) = (blocked, self.change != Change::Paused) {
            let reason = shortened(&blocked.reason, REASON_CHARS_MAX);
            effects.push(format!("it is blocked and will be probed: {reason}"));
        }
        if let Some(since) = held_since {
            let since = time(*since);
            effects.push(format!(
                "it stays paused by the operator (since {since}) until `windlass resume`"
            ));
        }
        effects
    }

    fn to_json(&self) -> Value {
        let fields: Vec<_> = if self.is_written() {
            let json = |it: FieldChange| json!({ "field": it.field, "old": it.old, "new": it.new });
            self.fields().into_iter().map(json).collect()
        } else {
            Vec::new()
        };
        json!({
            "source": self.wanted.name.as_str(),
            "change": self.change.word(),
            "file": self.wanted.file,
            "new_timeline": self.left_behind().is_some(),
            "fields": fields,
            "blocked": self.stored.as_ref().and_then(|it| Some(&it.blocked.as_ref()?.reason)),
            "held_since": self.stored.as_ref().and_then(|it| it.held_since),
        })
    }
}

/// The effect of a raised `settle` on time that was already read.
fn cut_with_less(old: &Policy, new: &Policy) -> Option<String> {
    let again = match new.sweeps_ms.first() {
        None => "is not read again: the source has no sweeps".to_owned(),
        Some(first) => format!("is read again by sweeps, {} later", Exact(*first)),
    };
    let shorter = Exact(old.settle_ms);
    (new.settle_ms > old.settle_ms)
        .then(|| format!("time already read with a settle of {shorter} {again}"))
}

/// `every  5m -> 10m`; only the value for a new source.
fn line(change: &FieldChange, is_new: bool) -> String {
    let FieldChange { field, old, new } = change;
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    if is_new {
        format!("{field:<19} {}", shown(new))
    } else {
        format!("{field:<19} {} -> {}", shown(old), shown(new))
    }
}

/// The ids of `windows`, limited to the first ones.
pub(crate) fn named(windows: &[Window]) -> String {
    let names = windows.iter().take(WINDOWS_SHOWN_MAX);
    let mut lines: Vec<_> = names
        .map(|window| format!("  {} ({})", window.id(), window.status()))
        .collect();
    if windows.len() > WINDOWS_SHOWN_MAX {
        lines.push(format!("  and {} more", windows.len() - WINDOWS_SHOWN_MAX));
    }
    lines.join("\n")
}
