//! The command line.

use clap::Parser;

use crate::target;
use crate::terminal::{at_least_one, seed};

const EXIT_CODES: &str = "\
Exit codes:
  0    nothing was found
  1    something was found, and is printed with the command that makes it again
  2    the arguments make no sense
  130  interrupted with Ctrl-C; what was found so far is printed";

/// Feeds generated and damaged inputs to every parser of foreign data, and counts panics, calls that
/// need too much memory, and violated properties.
#[derive(Debug, Clone, Parser, PartialEq, Eq)]
#[command(name = "fuzz", after_help = EXIT_CODES)]
pub(crate) struct Options {
    /// Only this target
    #[arg(long, value_name = "NAME", value_parser = target::NAMES)]
    pub(crate) target: Option<String>,
    /// Number of inputs, over all targets
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = at_least_one,
        allow_negative_numbers = true)]
    pub(crate) inputs: u64,
    /// The seed of the first input of each target; the next one's is one more
    #[arg(long, default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        let words = ["fuzz"].into_iter().chain(words.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn documented_command_is_accepted() {
        let options = parse("--inputs 2000000 --seed 7 --json").unwrap();
        assert_eq!((options.inputs, options.seed), (2_000_000, 7));
        assert!(options.json && options.target.is_none());
    }

    #[test]
    fn help_lists_options_targets_and_exit_codes() {
        let said = parse("--help").unwrap_err();
        for part in ["--inputs", "page_splitter", "\n  1 ", "\n  130 "] {
            assert!(said.contains(part), "{part:?}: {said}");
        }
    }

    #[test]
    fn invalid_arguments_list_valid_ones() {
        for (words, said) in [
            ("--target pages", "page_splitter"),
            ("--inputs 0", "must be at least 1"),
            ("--inputs many", "a whole number"),
            ("--seed -1", "from 0"),
            ("--input 1", "--inputs"),
            ("--seed", "value"),
        ] {
            let refused = parse(words).unwrap_err();
            assert!(refused.contains(said), "{words}: {refused}");
        }
    }
}
