//! The command line.

use clap::Parser;
use windlass_core::breaks::Break;

use crate::scenarios::Scenario;

/// Worlds when nobody says how many.
pub(crate) const WORLDS: u64 = 100;
/// Worlds that may pass before a protocol broken on purpose counts as not noticed.
pub(crate) const WORLDS_BROKEN: u64 = 400;

/// Runs the whole engine in seeded worlds under virtual time, where everything goes wrong that can,
/// and checks that nothing is lost.
#[derive(Debug, Clone, Parser, PartialEq, Eq)]
#[command(name = "sim")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Args {
    /// How many worlds [default: 100, or up to 400 with --break]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) worlds: Option<u64>,
    /// The seed of the first world; the others follow it
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Break the protocol in this way, and run worlds until one notices
    #[arg(long = "break", value_name = "NAME", value_parser = parse_break)]
    pub(crate) broken: Option<Break>,
    /// List the ways to break the protocol, one a line
    #[arg(long)]
    pub(crate) list_breaks: bool,
    /// Run this world alone
    #[arg(long, value_name = "SEED", conflicts_with_all = ["worlds", "seed"])]
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
    /// List the scenarios, one a line
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
    fn the_documented_command_is_understood() {
        let args = parse("--worlds 2000 --seed 7 --json").unwrap();
        assert_eq!((args.worlds, args.seed, args.json), (Some(2_000), 7, true));
    }

    #[test]
    fn a_world_can_be_repeated_with_some_of_its_operations() {
        let args = parse("--world 9 --only 1,4 --trace").unwrap();
        assert_eq!(args.only, Some(vec![1, 4]));
        assert_eq!(parse("--world 9 --only").unwrap().only, Some(Vec::new()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
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
    fn every_scenario_has_a_name_that_finds_it() {
        for scenario in Scenario::ALL {
            let args = parse(&format!("--scenario {}", scenario.name())).unwrap();
            assert_eq!(args.scenario, Some(scenario));
        }
        assert!(parse("--scenario nothing-known").is_err());
    }

    #[test]
    fn every_break_has_a_name_that_finds_it() {
        for way in Break::ALL {
            let args = parse(&format!("--break {}", way.name())).unwrap();
            assert_eq!(args.broken, Some(way));
        }
    }
}
