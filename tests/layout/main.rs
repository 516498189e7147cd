//! Rules about the project itself: which room may use which, what stays out of the code, and that
//! the documents point at things that exist.

mod circles;
mod documents;
mod edges;
mod names;
mod promises;
mod slowness;
mod sources;
mod tree;
