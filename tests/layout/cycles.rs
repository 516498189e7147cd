//! Cycles between modules of one room: their modules cannot be read, moved or tested alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{assert_none, files, read, relative};

/// A module, as the parts of its path: the room, then its module names.
type Module = Vec<String>;

/// The module of the file at `path`; `None` for tests and programs.
fn module_of(path: &str) -> Option<Module> {
    let (room, file) = path.split_once("/src/")?;
    let file = file.strip_suffix(".rs")?;
    let parts = file.split('/').map(str::to_owned);
    let is_test = |part: &str| part == "testing" || part.ends_with("tests") || part == "fake";
    if room == "tests" || file == "main" || file.split('/').any(is_test) {
        return None;
    }
    let parts = parts.filter(|part| part != "lib");
    Some([room.to_owned()].into_iter().chain(parts).collect())
}

/// The paths in the `use` lines of `source` outside its tests, without comments.
fn used(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next();
    let lines = code.unwrap_or_default().lines();
    let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
    let text: String = lines.flat_map(|line| [line.trim(), " "]).collect();
    let mut paths = Vec::new();
    for statement in text.split(';') {
        let Some((_, tree)) = statement.rsplit_once("use ") else {
            continue;
        };
        expand(&tree.replace(' ', ""), &mut paths);
    }
    paths
}

/// Adds each path of a `use` tree such as `crate::{a::B, c}`.
fn expand(tree: &str, paths: &mut Vec<String>) {
    let Some((before, rest)) = tree.split_once('{') else {
        paths.push(tree.to_owned());
        return;
    };
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in inside.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                expand(&format!("{before}{}", &inside[start..at]), paths);
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that `path` in the file of `from` leads to, if it is one of `known`. A parent does
/// not count: its names are for its children.
fn target(path: &str, from: &[String], known: &BTreeSet<Module>) -> Option<Module> {
    let mut parts = path.split("::").peekable();
    let mut at = match parts.peek()? {
        &"crate" => from[..1].to_vec(),
        &"self" | &"super" => from.to_vec(),
        _ => return None,
    };
    while let Some(part) = parts.next_if(|part| matches!(*part, "crate" | "self" | "super")) {
        if part == "super" && at.len() > 1 {
            at.pop();
        }
    }
    for part in parts {
        at.push(part.to_owned());
        if !known.contains(&at) {
            at.pop();
            break;
        }
    }
    (!from.starts_with(&at)).then_some(at)
}

/// The modules that are reachable from `from` through uses.
fn reached(uses: &BTreeMap<Module, BTreeSet<Module>>, from: &[String]) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in uses.get(module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// Each cycle once, as the names of its modules in order.
fn cycles(uses: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Vec<String>> {
    let all: BTreeMap<_, _> = uses.keys().map(|it| (it, reached(uses, it))).collect();
    let cycle = |module: &Module| {
        let back = |other: &&Module| all.get(other).is_some_and(|it| it.contains(module));
        let members = all[module].iter().filter(back);
        members.map(|it| it.join("::")).collect::<Vec<_>>()
    };
    let cycles = uses.keys().map(cycle);
    cycles.filter(|cycle| !cycle.is_empty()).collect()
}

/// The uses of the files, each given by its path and text.
fn uses_of(sources: &[(String, String)]) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules = sources
        .iter()
        .filter_map(|(path, text)| Some((module_of(path)?, text)));
    let modules: BTreeMap<_, _> = modules.collect();
    let known: BTreeSet<_> = modules.keys().cloned().collect();
    let uses = modules.iter().map(|(module, text)| {
        let paths = used(text).into_iter();
        let targets = paths.filter_map(|path| target(&path, module, &known));
        (module.clone(), targets.collect())
    });
    uses.collect()
}

#[test]
fn no_room_has_circular_modules() {
    let sources: Vec<_> = files("rs")
        .iter()
        .map(|path| (relative(path), read(path)))
        .collect();
    let found = cycles(&uses_of(&sources));
    let found = found.iter().map(|it| format!("a cycle: {}", it.join(", ")));
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn sibling_cycle_is_found_but_not_parent_use() {
    let source = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let open = [
        source("room/src/lib.rs", "mod a;\npub use a::A;"),
        source("room/src/a.rs", "use crate::b::{B, C};\nuse std::fmt;"),
        source("room/src/b.rs", "use super::Parent; // use crate::a::A;"),
    ];
    assert!(cycles(&uses_of(&open)).is_empty());
    let mut closed = open.to_vec();
    closed[2].1 = "use crate::{\n    other,\n    a::A,\n};".to_owned();
    let found: Vec<_> = cycles(&uses_of(&closed)).into_iter().collect();
    assert_eq!(found, [["room::a", "room::b"]]);
}
