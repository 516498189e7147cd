//! The protocol, checked in every order in which things can happen to a small timeline.
//!
//! A state is what the table holds, what planners and workers hold in their hands, and what has been
//! delivered. Every step is made by `windlass-core` itself: [`windlass_core::plan::plan`],
//! [`windlass_core::Window::apply`], [`windlass_core::lease::Guard`], [`windlass_core::Lease`] and what
//! they call. Only the vendor, and who may go next, are the model's own.
//!
//! Each scene is small enough that every reachable state is visited, not a sample of them. With one
//! rule of the protocol broken on purpose, the same search has to find what that breaks.

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
