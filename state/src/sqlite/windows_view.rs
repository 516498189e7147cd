//! The view `windows`: all attributes of a window as columns, for operators with a database shell.
//! The table beneath it has the columns that queries need, and one JSON object with the rest.

use rusqlite::{Connection, Error};
use windlass_core::window::WindowForm;

use super::tables::WINDOWS;

pub(super) const ITEMS: &str = include_str!("window_items.sql");
/// Moves the windows of a file that had a column for each attribute. The old table's index is
/// dropped first, because the index of the new table has the same name.
pub(super) const FROM_COLUMNS: &str = concat!(
    "DROP INDEX IF EXISTS windows_expiring;\n",
    include_str!("window_items.sql"),
    include_str!("windows_from_columns.sql")
);

/// Returns whether the file has its windows in a table with a column for each attribute.
pub(super) fn has_columns(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'windows'";
    connection.query_row(sql, (), |row| row.get(0))
}

/// Returns whether the view has exactly the attributes that this program knows.
pub(super) fn is_current(connection: &Connection) -> Result<bool, Error> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'windows' AND sql = ?1";
    connection.query_row(sql, (definition(),), |row| row.get(0))
}

/// Replaces the view by one with exactly the attributes that this program knows.
pub(super) fn replace(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch("DROP VIEW IF EXISTS windows")?;
    connection.execute_batch(&definition())
}

fn definition() -> String {
    let is_column = |name: &str| WINDOWS.columns.iter().any(|(column, _)| *column == name);
    let columns = WindowForm::ATTRIBUTES.iter().map(|attribute| {
        let name = attribute.name;
        if is_column(name) {
            format!("\"{name}\"")
        } else {
            format!("json_extract(item, '$.{name}') AS \"{name}\"")
        }
    });
    let columns: Vec<_> = columns.collect();
    let (columns, table) = (columns.join(", "), WINDOWS.name);
    format!("CREATE VIEW windows AS SELECT {columns} FROM {table}")
}
