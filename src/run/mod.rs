//! The arrows between the boxes: one function per subcommand, the one clock read, the order of
//! the commit. It holds no knowledge of its own.

mod aside;
mod stop;
mod textfile;
