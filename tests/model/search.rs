//! The searches over all scenes.

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};
use windlass_core::breaks::Break;
use windlass_core::source::Order;

use crate::machine::{Machine, Step};
use crate::scenes::Scene;
use crate::state::State;

/// Visits every state of `scene`, and prints their number.
#[expect(
    clippy::print_stdout,
    reason = "the figures are for docs/CORRECTNESS.md"
)]
fn search(scene: Scene) {
    let name = if scene.is_wide {
        format!("{}, wide", scene.name)
    } else {
        scene.name.to_owned()
    };
    let checker = Machine::new(scene, None)
        .checker()
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
            Some(path) if !wanted => panic!("{name}: {} fails{}", property.name, described(path)),
            None if wanted => panic!("{name}: {} never happens", property.name),
            _ => {}
        }
    }
}

/// The steps of `path`, one per line, and the table they lead to.
fn described(path: Path<State, Step>) -> String {
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
                "\n  {} {} {} epoch {} page {} split {:?}",
                window.id(),
                window.to(),
                window.status(),
                window.epoch(),
                window.page(),
                window.split(),
            ));
        }
    }
    let (delivered, margin) = (last.delivered, last.margin);
    text + &format!("\n  delivered {delivered:b} margin {margin}")
}

/// Searches `scene` with `broken` up to the first violated property: its name, and the number of
/// steps.
fn found(scene: Scene, broken: Break) -> Option<(&'static str, usize)> {
    let checker = Machine::new(scene, Some(broken))
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let properties = checker.model().properties();
    let mut always = properties
        .iter()
        .filter(|property| property.expectation == Expectation::Always);
    always.find_map(|property| {
        let path = checker.discovery(property.name)?;
        Some((property.name, path.into_actions().len()))
    })
}

#[test]
fn every_state_of_two_planners_and_workers_is_sound() {
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
fn every_state_of_frontier_splits_is_sound_oldest_first() {
    search(Scene::frontier(Order::OldestFirst));
}

#[test]
fn every_state_of_frontier_splits_is_sound_newest_first() {
    search(Scene::frontier(Order::NewestFirst));
}

#[test]
fn every_state_of_leases_ending_before_splits_is_sound() {
    search(Scene::expiry(Order::OldestFirst));
    search(Scene::expiry(Order::NewestFirst));
}

#[test]
fn every_state_of_sweeps_is_sound() {
    search(Scene::sweeps());
}

#[test]
fn every_state_of_lost_windows_is_sound() {
    search(Scene::vanishing());
}

#[test]
fn every_state_of_a_sink_that_holds_pages_is_sound() {
    search(Scene::held());
}

/// With each of these rules broken, the search finds an unsound state.
#[test]
fn every_broken_rule_is_detected() {
    use Break::{
        AbsenceIsDone, CheckpointBeforeDelivery, DoneBeforeFinal, ForgetBehind, MarkBeforeWindows,
        NoEpochCheck, NoNonce, NoPageCheck, NoScavenge, SplitLosesPart, SplitPastFrontier,
        SweepKnowsAll,
    };
    let cases = [
        (NoEpochCheck, Scene::windows()),
        (NoPageCheck, Scene::claims()),
        (NoNonce, Scene::claims()),
        (MarkBeforeWindows, Scene::windows()),
        (CheckpointBeforeDelivery, Scene::windows()),
        (CheckpointBeforeDelivery, Scene::held()),
        (DoneBeforeFinal, Scene::held()),
        (NoScavenge, Scene::windows()),
        (AbsenceIsDone, Scene::vanishing()),
        (ForgetBehind, Scene::holes()),
        (SplitLosesPart, Scene::halves()),
        (SplitLosesPart, Scene::frontier(Order::OldestFirst)),
        (SplitLosesPart, Scene::frontier(Order::NewestFirst)),
        (SplitPastFrontier, Scene::frontier(Order::OldestFirst)),
        (SplitPastFrontier, Scene::frontier(Order::NewestFirst)),
        (SweepKnowsAll, Scene::sweeps()),
    ];
    let mut unnoticed = Vec::new();
    for (broken, scene) in cases {
        let scene_name = scene.name;
        match found(scene, broken) {
            Some((property, steps)) => {
                println!(
                    "model | broken {} | {scene_name} | {steps} steps | {property}",
                    broken.name()
                );
            }
            None => unnoticed.push((broken.name(), scene_name)),
        }
    }
    assert!(unnoticed.is_empty(), "not noticed: {unnoticed:?}");
}

#[test]
fn every_state_of_claims_is_sound() {
    search(Scene::claims());
}

/// More states of the same kind, with `WINDLASS_MODEL=wide`: some minutes with `--release`.
#[test]
fn every_state_of_wide_scenes_is_sound() {
    if std::env::var("WINDLASS_MODEL").as_deref() != Ok("wide") {
        println!("model | wide scenes were not asked for: WINDLASS_MODEL=wide");
        return;
    }
    let scenes = [
        Scene::windows(),
        Scene::claims(),
        Scene::held(),
        Scene::holes(),
        Scene::halves(),
        Scene::frontier(Order::OldestFirst),
        Scene::frontier(Order::NewestFirst),
        Scene::sweeps(),
        Scene::vanishing(),
    ];
    for scene in scenes {
        search(scene.wide());
    }
}
