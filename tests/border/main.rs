//! What vendors do, and what windlass makes of it: for each behavior of a vendor, the records that
//! are delivered, the words in which a person learns of it, and the number of requests. Each test
//! runs the production planner, worker and connector in virtual time on a scripted transport.

mod pages;
mod stage;
mod vendor;
mod waits;
