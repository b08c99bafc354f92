//! Sends HTTP requests to granted addresses: one, or one page after the other, or into a file.
//!
//! What goes over the wire is the host's: where a request may go, the values of secrets, time and size.

mod download;
mod pages;
mod request;
mod sending;

use cofferdam_plugin::plugin;

plugin!(request::request, pages::pages, download::download);
