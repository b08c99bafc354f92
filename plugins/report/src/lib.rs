//! Makes reports of what a workflow found: pages that need nothing but a browser.

mod cell;
mod chart;
mod escape;
mod facts;
mod html;
mod markdown;
mod page;
mod table;

use cofferdam_plugin::plugin;

plugin!(html::html, markdown::markdown);
