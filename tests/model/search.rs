//! The searches.

use stateright::{Checker, DiscoveryClassification, Expectation, HasDiscoveries, Model, Path};
use windlass_core::breaks::Break;
use windlass_core::source::Order;

use crate::machine::{Machine, Step};
use crate::scenes::Scene;
use crate::state::State;

/// Visits every state of `scene`, and prints how many there are.
#[expect(clippy::print_stdout, reason = "the figures are for docs/CORRECTNESS.md")]
fn search(scene: Scene) {
    let name = scene.name;
    let checker = Machine::new(scene, None)
        .checker()
        .timeout(std::time::Duration::from_secs(
            std::env::var("SECS").map_or(1000, |s| s.parse().unwrap()),
        ))
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    let (fenced, confirmed) = checker.model().tally.counts();
    println!(
        "model | {name} | states {} | transitions {} | depth {} | fenced {fenced} | confirmed {confirmed}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
    );
    for property in checker.model().properties() {
        let discovery = checker.discovery(property.name);
        let wanted = property.expectation == Expectation::Sometimes;
        match discovery {
            Some(path) if !wanted => panic!("{name}: {} fails{}", property.name, told(path)),
            None if wanted => panic!("{name}: {} never happens", property.name),
            _ => {}
        }
    }
}

/// The steps of `path`, one a line, and the table they lead to.
fn told(path: Path<State, Step>) -> String {
    let mut text = String::new();
    let last = path.last_state().clone();
    for step in path.into_actions() {
        text.push_str(&format!("\n  {step:?}"));
    }
    for lane in &last.store.lanes {
        let marks = lane.marks.progress();
        text.push_str(&format!(
            "\n  scheduled {} open {} behind {:?}",
            marks.scheduled_through, marks.open_from, marks.behind
        ));
        for row in lane.windows.values() {
            let window = row.window();
            text.push_str(&format!(
                "\n  {} {} {} epoch {} page {} split {:?} {:?}",
                window.id,
                window.to,
                window.status,
                window.epoch,
                window.page,
                window.split_at,
                window.split_delivered
            ));
        }
    }
    let (delivered, margin) = (last.delivered, last.margin);
    text + &format!("\n  delivered {delivered:b} margin {margin}")
}

/// Searches `scene` with `broken` until something does not hold, and says what.
fn found(scene: Scene, broken: Break) -> Vec<&'static str> {
    let checker = Machine::new(scene, Some(broken))
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let is_failure = |name: &&str| {
        matches!(
            checker.discovery_classification(name),
            DiscoveryClassification::Counterexample
        )
    };
    discoveries.keys().copied().filter(is_failure).collect()
}

#[test]
fn every_state_of_windows_with_two_planners_and_two_workers_is_sound() {
    search(Scene::windows());
}

#[test]
fn every_state_of_holes_is_sound() {
    search(Scene::holes());
}

#[test]
fn every_state_of_halves_is_sound() {
    search(Scene::halves());
}

#[test]
fn every_state_of_a_split_at_the_frontier_is_sound_oldest_first() {
    search(Scene::frontier(Order::OldestFirst));
}

#[test]
fn every_state_of_a_split_at_the_frontier_is_sound_newest_first() {
    search(Scene::frontier(Order::NewestFirst));
}

#[test]
fn every_state_of_a_sweep_is_sound() {
    search(Scene::sweeps());
}

#[test]
fn every_state_of_a_table_that_loses_a_window_is_sound() {
    search(Scene::vanishing());
}
