//! The command line.

use clap::Parser;
use windlass_core::breaks::Break;

use crate::scenarios::Scenario;
use crate::terminal::{at_least_one, seed};

/// Worlds by default.
pub(crate) const WORLDS: u64 = 100;
/// Worlds that may pass before a break counts as undetected.
pub(crate) const WORLDS_BROKEN: u64 = 2_000;

const EXIT_CODES: &str = "\
Exit codes:
  0    every promise held; with --break: nothing was noticed
  1    a promise was broken, or a scenario could not be played; with --break:
       it was noticed
  2    the arguments make no sense
  130  interrupted with Ctrl-C; what the worlds so far came to is printed";

/// Runs the whole engine in seeded worlds under virtual time with faults of every kind, and checks
/// that nothing is lost.
#[derive(Debug, Clone, Parser, PartialEq, Eq)]
#[command(name = "sim", after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Args {
    /// Number of worlds [default: 100, or up to 2,000 with --break]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) worlds: Option<u64>,
    /// The seed of the first world; the others follow it
    #[arg(long, default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Print JSON: one object, or a list with --list-breaks and --list-scenarios
    #[arg(long)]
    pub(crate) json: bool,
    /// Break the protocol in this way, and run worlds until one detects it
    #[arg(long = "break", value_name = "NAME", value_parser = parse_break)]
    pub(crate) broken: Option<Break>,
    /// List the breaks of the protocol, one per line; on a terminal and as JSON with descriptions
    #[arg(long)]
    pub(crate) list_breaks: bool,
    /// Run this world alone
    #[arg(long, value_name = "SEED", value_parser = seed, allow_negative_numbers = true,
        conflicts_with_all = ["worlds", "seed"])]
    pub(crate) world: Option<u64>,
    /// Keep only these of its operations, by number
    #[arg(long, value_name = "N,N", value_delimiter = ',', num_args = 0.., requires = "world")]
    pub(crate) only: Option<Vec<usize>>,
    /// Print the whole history of that world
    #[arg(long, requires = "world")]
    pub(crate) trace: bool,
    /// Play this scenario and print its figures
    #[arg(long, value_name = "NAME", value_parser = parse_scenario,
        conflicts_with_all = ["worlds", "seed", "world", "broken"])]
    pub(crate) scenario: Option<Scenario>,
    /// List the scenarios, one per line; on a terminal and as JSON with descriptions
    #[arg(long)]
    pub(crate) list_scenarios: bool,
}

fn parse_scenario(text: &str) -> Result<Scenario, String> {
    let found = Scenario::ALL.into_iter().find(|it| it.name() == text);
    found.ok_or_else(|| "no such scenario; see --list-scenarios".to_owned())
}

fn parse_break(text: &str) -> Result<Break, String> {
    let found = Break::ALL.into_iter().find(|it| it.name() == text);
    found.ok_or_else(|| "no such break; see --list-breaks".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Args, String> {
        let words = ["sim"].into_iter().chain(words.split_whitespace());
        Args::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn documented_command_is_accepted() {
        let args = parse("--worlds 2000 --seed 7 --json").unwrap();
        assert_eq!((args.worlds, args.seed, args.json), (Some(2_000), 7, true));
    }

    #[test]
    fn world_can_be_rerun_with_some_operations() {
        let args = parse("--world 9 --only 1,4 --trace").unwrap();
        assert_eq!(args.only, Some(vec![1, 4]));
        assert_eq!(parse("--world 9 --only").unwrap().only, Some(Vec::new()));
    }

    #[test]
    fn invalid_arguments_are_rejected() {
        for words in [
            "--worlds 0",
            "--worlds many",
            "--break nothing-known",
            "--only 1",
            "--world 1 --worlds 2",
            "--trace",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }

    #[test]
    fn invalid_number_names_valid_range() {
        for (words, must) in [
            ("--worlds 0", "must be at least 1"),
            ("--worlds -1", "at least 1"),
            ("--seed -1", "from 0"),
            ("--world -1", "from 0"),
        ] {
            let said = parse(words).unwrap_err();
            assert!(said.contains(must), "{words}: {said}");
        }
    }

    #[test]
    fn help_lists_exit_codes() {
        let said = parse("--help").unwrap_err();
        for code in ["\n  0 ", "\n  1 ", "\n  2 ", "\n  130 "] {
            assert!(said.contains(code), "{code:?}: {said}");
        }
    }

    #[test]
    fn every_scenario_is_found_by_name() {
        for scenario in Scenario::ALL {
            let args = parse(&format!("--scenario {}", scenario.name())).unwrap();
            assert_eq!(args.scenario, Some(scenario));
        }
        assert!(parse("--scenario nothing-known").is_err());
    }

    #[test]
    fn every_break_is_found_by_name() {
        for way in Break::ALL {
            let args = parse(&format!("--break {}", way.name())).unwrap();
            assert_eq!(args.broken, Some(way));
        }
    }
}
