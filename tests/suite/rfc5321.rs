//! RFC 5321, section by section.

mod section_4_1_1_commands;
mod section_4_5_2_transparency;
mod section_4_5_2_transparency_server;
