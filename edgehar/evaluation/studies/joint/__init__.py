"""The study of joint pre-training on text, pose and IMU."""
