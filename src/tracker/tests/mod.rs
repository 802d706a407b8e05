mod log;
mod rows;
mod world;
