mod rows;
mod world;
