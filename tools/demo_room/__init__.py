"""Parts of tools/render_demo_room.py: models, room, light, camera."""
