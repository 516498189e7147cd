//! The protocol, checked in every order of events on a small timeline.
//!
//! A state consists of the table, the knowledge of planners and workers, and the delivered records.
//! Every step is made by `windlass-core` itself: [`windlass_core::plan::plan`],
//! [`windlass_core::Window::apply`], [`windlass_core::lease::Guard`], [`windlass_core::Lease`] and
//! the functions that they call. The model adds only the vendor, and the choice of the next step.
//!
//! Each scene is small enough that every reachable state is visited, not a sample of them. With one
//! rule of the protocol broken on purpose, the same search must find the violation.

mod accounts;
mod finish;
mod machine;
mod page;
mod planner;
mod properties;
mod row;
mod scenes;
mod search;
mod state;
mod store;
mod vendor;
mod worker;
