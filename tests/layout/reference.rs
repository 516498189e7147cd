//! The reference pages match the command line, the exit codes, the limits and the configuration.

use clap::{Arg, Command};

use crate::generated::assert_current;
use crate::tree::{assert_none, read, root};

/// Files with the fields of a configuration, in structs that reject unknown ones.
const CONFIGURATION: [&str; 4] = [
    "cli/src/config/raw.rs",
    "sink/src/http/config.rs",
    "sink/src/ndjson/config.rs",
    "sink/src/stream_config.rs",
];

/// Maximum length of the README in lines.
const README_LINES_MAX: usize = 200;

/// A table with two columns; `|` inside a cell is escaped.
fn table(head: [&str; 2], rows: impl IntoIterator<Item = [String; 2]>) -> String {
    let row = |cells: [&str; 2]| format!("| {} |\n", cells.map(escaped).join(" | "));
    let mut table = row(head) + "| --- | --- |\n";
    for cells in rows {
        table.push_str(&row([&cells[0], &cells[1]]));
    }
    table
}

/// The text of one cell, on one line.
fn escaped(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

/// The help of an argument, with its possible values and its default.
fn effect(arg: &Arg) -> String {
    let mut effect = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let quoted = |text: &str| format!("`{text}`");
    if !arg.get_action().takes_values() {
        return effect;
    }
    let possible: Vec<_> = arg.get_possible_values();
    if !possible.is_empty() {
        let names = possible.iter().map(|value| quoted(value.get_name()));
        effect.push_str(&format!(": {}", names.collect::<Vec<_>>().join(" or ")));
    }
    let defaults = arg.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|it| quoted(&it.to_string_lossy())).collect();
    if !defaults.is_empty() {
        effect.push_str(&format!("; default {}", defaults.join(" ")));
    }
    effect
}

/// The rows of the arguments of `command` that `is_wanted`.
fn arguments<'a>(
    command: &'a Command,
    is_wanted: impl Fn(&&Arg) -> bool + 'a,
) -> impl Iterator<Item = [String; 2]> + 'a {
    let generated = |arg: &&Arg| arg.get_id() != "help" && arg.get_id() != "version";
    let arguments = command.get_arguments().filter(generated).filter(is_wanted);
    arguments.map(|arg| [format!("`{arg}`"), effect(arg)])
}

/// The commands with their arguments, and the options of every command.
fn commands(command: &Command) -> String {
    let is_own = |command: &&Command| command.get_name() != "help";
    let rows = command.get_subcommands().filter(is_own).flat_map(|it| {
        let name = format!("**`windlass {}`**", it.get_name());
        let about = it.get_about().map(ToString::to_string).unwrap_or_default();
        let arguments = arguments(it, |arg| !arg.is_global_set());
        [[name, about]].into_iter().chain(arguments)
    });
    let own = table(["command", "effect"], rows);
    let every = table(["option", "effect"], arguments(command, |_| true));
    format!("{own}\nOptions of every command:\n\n{every}")
}

/// The exit codes in the help of the command line.
fn exit_codes(help: &str) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    let lines = help.lines().skip_while(|line| *line != "Exit codes:");
    for line in lines.skip(1).take_while(|line| !line.is_empty()) {
        if let Some((code, meaning)) = line.trim().split_once("  ") {
            rows.push([code.to_owned(), meaning.to_owned()]);
        } else {
            let [_, meaning] = rows.last_mut().expect("a code before its further lines");
            meaning.push_str(line);
        }
    }
    table(["exit code", "meaning"], rows)
}

/// The constants of a source file, with their values and doc comments.
fn limits(source: &str) -> String {
    let mut rows = Vec::new();
    let (mut doc, mut constant) = (String::new(), String::new());
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push_str(&format!("{text} "));
            continue;
        }
        if line.starts_with("pub const ") || !constant.is_empty() {
            constant.push_str(line);
        }
        if line.is_empty() {
            doc.clear();
        }
        let Some(whole) = constant.strip_suffix(';') else {
            continue;
        };
        let (name, value) = whole.split_once(" = ").expect("a constant has a value");
        let name = name.trim_start_matches("pub const ").split(':').next();
        let meaning = doc.replace("[`", "`").replace("`]", "`");
        let value = format!("`{}`", escaped(value));
        rows.push((name.unwrap_or_default().to_owned(), value, meaning));
        (doc, constant) = (String::new(), String::new());
    }
    let rows = rows
        .into_iter()
        .map(|(name, value, meaning)| [format!("`{name}` = {value}"), meaning]);
    table(["limit", "meaning"], rows)
}

/// The public fields of a source file's structs that reject unknown fields.
fn fields(source: &str) -> Vec<&str> {
    let structs = source.split("deny_unknown_fields").skip(1);
    let bodies = structs.filter_map(|rest| rest.split("\n}").next());
    let fields = bodies.flat_map(str::lines).filter_map(|line| {
        let (name, _) = line.trim().strip_prefix("pub")?.split_once(": ")?;
        name.rsplit(' ').next()
    });
    fields.collect()
}

/// Returns true if a configuration reference names `field`.
fn names(document: &str, field: &str) -> bool {
    let forms = [
        format!("`{field}`"),
        format!(".{field}`"),
        format!("{field}:"),
    ];
    forms.iter().any(|form| document.contains(form))
}

#[test]
fn commands_page_matches_command_line() {
    let mut command = windlass::command();
    command.build();
    let page = "docs/reference/commands.md";
    assert_current(page, "cli/src/args.rs", &commands(&command));
}

#[test]
fn exit_codes_page_matches_help() {
    let help = windlass::command().render_long_help().to_string();
    let page = "docs/reference/exit-codes.md";
    assert_current(page, "cli/src/args.rs", &exit_codes(&help));
}

#[test]
fn limits_page_matches_table_of_limits() {
    let source = read(&root().join("core/src/limits.rs"));
    let page = "docs/reference/limits.md";
    assert_current(page, "core/src/limits.rs", &limits(&source));
}

#[test]
fn configuration_page_names_every_field() {
    let document = read(&root().join("docs/reference/configuration.md"));
    let sources = CONFIGURATION.map(|path| read(&root().join(path)));
    let fields: Vec<_> = sources.iter().flat_map(|source| fields(source)).collect();
    assert!(fields.len() > CONFIGURATION.len(), "{fields:?}");
    let missing = fields.iter().filter(|field| !names(&document, field));
    let problems = missing.map(|field| format!("docs/reference/configuration.md: no `{field}`"));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
}

#[test]
fn arguments_show_values_and_defaults() {
    let port = Arg::new("port").long("port").help("The port, a|b");
    let port = port.value_name("PORT").default_value("80");
    let quick = Arg::new("quick").long("quick").help("Skips it");
    let quick = quick.action(clap::ArgAction::SetTrue);
    let run = Command::new("run").about("Runs it").args([port, quick]);
    let mut command = Command::new("windlass").subcommand(run);
    command.build();
    assert_eq!(
        commands(&command).split("\n\n").next().unwrap(),
        "| command | effect |\n| --- | --- |\n| **`windlass run`** | Runs it |\n\
         | `--port <PORT>` | The port, a\\|b; default `80` |\n| `--quick` | Skips it |"
    );
}

#[test]
fn exit_codes_are_parsed_from_help() {
    let help = "Usage\n\nExit codes:\n  0  done\n  1  failed,\n     or not\n\nLogs\n";
    let table = exit_codes(help);
    assert!(
        table.ends_with("| 0 | done |\n| 1 | failed, or not |\n"),
        "{table}"
    );
}

#[test]
fn limits_are_parsed_from_source() {
    let source = "/// A paragraph.\n\n/// One of [`B`].\npub const A: u8 = 2;\nconst C: u8 = 1;\n\
                  /// Two\n/// lines.\npub const B: i64 =\n    A * 3;\n";
    let table = limits(source);
    let rows = "| `A` = `2` | One of `B`. |\n| `B` = `A * 3` | Two lines. |\n";
    assert!(table.ends_with(rows), "{table}");
}

#[test]
fn undocumented_field_is_found() {
    let source = "#[serde(deny_unknown_fields)]\npub struct A {\n    pub(super) url: String,\n    \
                  pub max: u8,\n    own: u8,\n}\npub struct B {\n    pub other: u8,\n}\n";
    assert_eq!(fields(source), ["url", "max"]);
    assert!(names("`window.max`", "max") && names("url: x", "url"));
    assert!(!names("max and minimum", "max"));
}
