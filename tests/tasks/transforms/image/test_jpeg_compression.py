import numpy as np

from augmill.tasks.transforms.image import jpeg_compression


def test_it_is_what_saving_at_the_recorded_quality_gives(run, photo):
    import cv2

    after, draws = run(jpeg_compression, photo, quality_range=(30, 60))
    saved = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, draws["quality"]])[1]
    np.testing.assert_array_equal(after.image, cv2.imdecode(saved, cv2.IMREAD_COLOR))
    assert 30 <= draws["quality"] <= 60
