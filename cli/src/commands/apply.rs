//! `windlass apply` and `windlass diff`: writes a configuration's sources into the state.
//!
//! All checks precede the first write, and the changes are shown first. A change that would leave
//! unfinished windows on an old timeline is an error. A second apply of the same configuration
//! writes nothing. A stop in the middle leaves every source either old or new, and the next `apply`
//! completes the rest.
//!
//! On a state file, it takes the lock of `windlass run`: a run uses the definitions that it was
//! started with.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::SourceName;
use windlass_core::source::SourceDefinition;
use windlass_core::system::SystemClock;
use windlass_core::window::{Status, Window};
use windlass_orchestrator::read_source;

use crate::args::{ApplyArgs, DiffArgs};
use crate::config::Config;
use crate::difference::{Change, Difference, named};
use crate::exit_code::{ExitCode, UsageError};
use crate::local::StateLock;
use crate::output::{Output, Paint};
use crate::state::{Purpose, StateAddress, sources};
use crate::target::Target;

/// Number of sources written between two progress lines: some seconds on a table.
const PROGRESS_EVERY: usize = 500;

/// Shows the changes that `apply` would make.
pub(crate) async fn diff(
    target: &Target,
    args: &DiffArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = target.config()?;
    let review = Review::of(target, &config, *args).await?;
    output.result(&review.to_json(), || review.text(Paint::of_stdout()))?;
    Ok(if review.is_empty() {
        ExitCode::Success
    } else {
        ExitCode::Different
    })
}

/// Writes the sources of the configuration into the state.
pub(crate) async fn apply(
    target: &Target,
    args: &ApplyArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let config = target.config()?;
    let review = Review::of(target, &config, args.diff).await?;
    let to_write = review.difference.writes().count();
    let is_dry = args.dry_run || to_write == 0;
    if !output.is_json() {
        output.result(&Value::Null, || review.text(Paint::of_stdout()))?;
    }
    if !args.abandon {
        review.refuse_to_abandon()?;
    }
    let mut was_asked = false;
    if !is_dry && !args.yes {
        let sources = if to_write == 1 { "source" } else { "sources" };
        match output.confirmed(&format!("Apply this to {to_write} {sources}?")) {
            Some(true) => was_asked = true,
            Some(false) => {
                output.note("nothing was applied");
                return Ok(ExitCode::Unfinished);
            }
            None => {
                let problem = "nothing was applied: no terminal for the confirmation; review the \
                               changes with `windlass diff`, then pass --yes";
                return Err(UsageError(problem.to_owned()).into());
            }
        }
    }
    if !is_dry {
        let confirmed = was_asked.then_some(args);
        carry_out(target, &config, &review, confirmed, output).await?;
    }
    let json = json!({
        "applied": !is_dry,
        "difference": review.to_json(),
    });
    output.result(&json, || match (to_write, is_dry) {
        (0, _) => String::new(),
        (_, true) => "nothing was applied: --dry-run\n".to_owned(),
        (1, false) => "1 source was written\n".to_owned(),
        (many, false) => format!("{many} sources were written\n"),
    })?;
    Ok(ExitCode::Success)
}

/// Writes the changes in `review`; if a person `confirmed` it under these arguments, only if it still comes
/// out the same.
async fn carry_out(
    target: &Target,
    config: &Config,
    review: &Review,
    confirmed: Option<&ApplyArgs>,
    output: Output,
) -> anyhow::Result<()> {
    let _lock = match &config.state {
        StateAddress::Sqlite(path) => Some(StateLock::take(path)?),
        StateAddress::DynamoDb(_) => None,
    };
    let store = target.open(&config.state, Purpose::Apply).await?;
    if let Some(args) = confirmed {
        let again = Review::of(target, config, args.diff).await?;
        if !args.abandon {
            again.refuse_to_abandon()?;
        }
        if again.difference != review.difference {
            let problem = "nothing was applied: the state changed after the difference was shown; \
                           run `windlass apply` again";
            return Err(UsageError(problem.to_owned()).into());
        }
    }
    let writes: Vec<_> = review.difference.writes().collect();
    let all = writes.len();
    let progress = |written: usize| {
        if written.is_multiple_of(PROGRESS_EVERY) && written < all {
            output.note(&format!("{written} of {all} sources written"));
        }
    };
    sources::put(&store, &writes, SystemClock.now(), progress).await?;
    Ok(())
}

/// A difference, and the windows that it would leave unfinished.
struct Review {
    difference: Difference,
    /// The unfinished windows of sources that would leave their timelines.
    unfinished: BTreeMap<SourceName, Vec<Window>>,
}

impl Review {
    async fn of(target: &Target, config: &Config, args: DiffArgs) -> anyhow::Result<Self> {
        let definitions = definitions(config);
        let scope = Some(&config.scope);
        let nothing_yet = matches!(&config.state, StateAddress::Sqlite(path) if !path.exists());
        if nothing_yet {
            return Ok(Self {
                difference: Difference::between(Vec::new(), &definitions, scope, args.prune),
                unfinished: BTreeMap::new(),
            });
        }
        let store = target.open(&config.state, Purpose::Look).await?;
        let stored = sources::present(&store, &definitions).await?;
        let difference = Difference::between(stored, &definitions, scope, args.prune);
        let mut unfinished = BTreeMap::new();
        for source in &difference.sources {
            if let Some(record) = source.left_behind() {
                let view = read_source(&store, record.clone(), SystemClock.now()).await?;
                let windows = view.windows().filter(|it| it.status() != Status::Done);
                let windows: Vec<_> = windows.cloned().collect();
                if !windows.is_empty() {
                    unfinished.insert(source.wanted.name.clone(), windows);
                }
            }
        }
        Ok(Self {
            difference,
            unfinished,
        })
    }

    fn is_empty(&self) -> bool {
        self.difference.writes().next().is_none()
    }

    fn refuse_to_abandon(&self) -> Result<(), UsageError> {
        let Some((name, windows)) = self.unfinished.first_key_value() else {
            return Ok(());
        };
        let more = match self.unfinished.len() {
            1 => String::new(),
            many => format!(" (and {} more sources)", many - 1),
        };
        Err(UsageError(format!(
            "nothing was applied: source {name}{more} would start a new timeline, and these \
             windows of its present one would never finish:\n{}\nwait until they are done (parked \
             windows need `windlass retry`), add a source under another name instead, or pass \
             --abandon",
            named(windows)
        )))
    }

    fn text(&self, paint: Paint) -> String {
        let mut text = self.difference.text(paint);
        for (name, windows) in &self.unfinished {
            let windows = match windows.len() {
                1 => "1 unfinished window of its present timeline".to_owned(),
                many => format!("{many} unfinished windows of its present timeline"),
            };
            text.push_str(&format!("! {name} leaves {windows}\n"));
        }
        let count = |change| self.difference.count(change);
        if self.is_empty() {
            text.push_str("nothing to change\n");
        } else {
            let counts = [
                (count(Change::New), "new"),
                (count(Change::Changed), "changed"),
                (count(Change::Again), "to retry"),
                (count(Change::Paused), "to pause"),
            ];
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            let counts: Vec<_> = counts
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            text.push_str(&format!("{}\n", counts.join(", ")));
        }
        text
    }

    fn to_json(&self) -> Value {
        let names = |windows: &[Window]| -> Vec<String> {
            windows
                .iter()
                .map(|window| window.id().to_string())
                .collect()
        };
        let unfinished: BTreeMap<_, _> = self
            .unfinished
            .iter()
            .map(|(name, windows)| (name.as_str(), names(windows)))
            .collect();
        json!({
            "equal": self.is_empty(),
            "sources": self.difference.to_json(),
            "unfinished": unfinished,
        })
    }
}

fn definitions(config: &Config) -> Vec<SourceDefinition> {
    let sources = config.sources.values();
    sources.map(|source| source.definition.clone()).collect()
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
